"""Writes kafka.lock and postgres.lock anew: `python -m shared.embedded.lock`."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from jgo.maven import Artifact, MavenContext

from shared.embedded.downloads import context, sha256

KAFKA = "4.4.0"
POSTGRES = "18.6.0"
PLATFORMS = ("darwin-amd64", "darwin-arm64v8", "linux-amd64", "linux-arm64v8")
FOLDER = Path(__file__).parent


def main() -> None:
    """Resolve, fetch and hash everything; read the difference before you commit it."""
    with tempfile.TemporaryDirectory() as folder:
        maven = context(Path(folder))
        _write("kafka.lock", _kafka(maven))
        _write("postgres.lock", _postgres(maven))


def _kafka(maven: MavenContext) -> list[Artifact]:
    # Named one by one: kafka_2.13's own list of modules has been incomplete before.
    modules = ("kafka_2.13", "kafka-server", "kafka-clients")
    jars = _resolve(maven, [f"org.apache.kafka:{module}:{KAFKA}" for module in modules])
    # Kafka brings log4j, but not the bridge to it; never resolved together with Kafka, because
    # log4j's own dependency management would then choose Kafka's dependencies.
    log4j = next(jar.version for jar in jars if jar.artifactId == "log4j-core")
    bridge = maven.project("org.apache.logging.log4j", "log4j-slf4j-impl").at_version(log4j)
    return [*jars, bridge.artifact()]


def _resolve(maven: MavenContext, roots: Sequence[str]) -> list[Artifact]:
    inputs, others = maven.resolver.resolve([maven.create_dependency(root) for root in roots])
    return [
        found.artifact for found in (*inputs, *others) if found.scope not in {"test", "provided"}
    ]


def _postgres(maven: MavenContext) -> list[Artifact]:
    name = "embedded-postgres-binaries"
    return [
        maven.project("io.zonky.test.postgres", f"{name}-{platform}")
        .at_version(POSTGRES)
        .artifact()
        for platform in PLATFORMS
    ]


def _write(name: str, artifacts: Iterable[Artifact]) -> None:
    lines = sorted({_line(artifact) for artifact in artifacts})
    (FOLDER / name).write_text("".join(lines), "utf-8")


def _line(artifact: Artifact) -> str:
    parts = (artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier)
    path = artifact.resolve()
    return f"{':'.join(filter(None, parts))} {sha256(path)} {path.stat().st_size}\n"


if __name__ == "__main__":
    main()
