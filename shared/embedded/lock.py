"""Writes kafka.lock and postgres.lock: `python -m shared.embedded.lock`."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from jgo.maven import Artifact, MavenContext

from shared.embedded.downloads import build_maven_context, compute_sha256

KAFKA = "4.4.0"
POSTGRES = "18.6.0"
PLATFORMS = ("darwin-amd64", "darwin-arm64v8", "linux-amd64", "linux-arm64v8")
FOLDER = Path(__file__).parent


def main() -> None:
    """Resolve, download and hash all files; review the diff before you commit it."""
    with tempfile.TemporaryDirectory() as folder:
        maven = build_maven_context(Path(folder))
        _write("kafka.lock", _resolve_kafka(maven))
        _write("postgres.lock", _list_postgres(maven))


def _resolve_kafka(maven: MavenContext) -> list[Artifact]:
    # Listed one by one: the dependencies of kafka_2.13 have been incomplete before.
    modules = ("kafka_2.13", "kafka-server", "kafka-clients")
    jars = _resolve(maven, [f"org.apache.kafka:{module}:{KAFKA}" for module in modules])
    # Kafka includes log4j, but not the bridge to it. The bridge is resolved alone, because log4j's
    # dependency management would otherwise choose Kafka's dependencies.
    log4j = next(jar.version for jar in jars if jar.artifactId == "log4j-core")
    bridge = maven.project("org.apache.logging.log4j", "log4j-slf4j-impl").at_version(log4j)
    return [*jars, bridge.artifact()]


def _resolve(maven: MavenContext, roots: Sequence[str]) -> list[Artifact]:
    inputs, others = maven.resolver.resolve([maven.create_dependency(root) for root in roots])
    return [each.artifact for each in (*inputs, *others) if each.scope not in {"test", "provided"}]


def _list_postgres(maven: MavenContext) -> list[Artifact]:
    name = "embedded-postgres-binaries"
    return [
        maven.project("io.zonky.test.postgres", f"{name}-{platform}")
        .at_version(POSTGRES)
        .artifact()
        for platform in PLATFORMS
    ]


def _write(name: str, artifacts: Iterable[Artifact]) -> None:
    lines = sorted({_format_line(artifact) for artifact in artifacts})
    (FOLDER / name).write_text("".join(lines), "utf-8")


def _format_line(artifact: Artifact) -> str:
    parts = (artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier)
    path = artifact.resolve()
    return f"{':'.join(filter(None, parts))} {compute_sha256(path)} {path.stat().st_size}\n"


if __name__ == "__main__":
    main()
