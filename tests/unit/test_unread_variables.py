"""Variables that look like ours and are not read: which they are, and what was meant."""

import ast
import re
from collections.abc import Iterator

import pytest

from shared.unread_variables import LINE, find_unread, list_known
from tests.support.sources import ROOT

NAME = re.compile(r"(CHATIA|DB|KAFKA|ROLE_PASSWORD)_[A-Z_]+[A-Z]")
BEGINNINGS = {"CHATIA_GATEWAY_KEY", "CHATIA_CLOUD_API_SECRET"}  # of variables of single lines


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CHATIA_WEBHOK_PORT", "CHATIA_WEBHOOK_PORT"),
        ("chatia_send", "CHATIA_SENDER"),
        ("DB_PASSWORD", "DB_PASS"),
        ("DB_POOL_MINIMUM", "DB_POOL_MIN"),
        ("KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP_SERVERS"),
        ("ROLE_PASSWORD_READERS", "ROLE_PASSWORD_READER"),
        ("CHATIA_GATEWAY_KEY_1", f"CHATIA_GATEWAY_KEY{LINE}"),
        ("CHATIA_GATEWAY_KEY_1_x", f"CHATIA_GATEWAY_KEY{LINE}"),
        ("CHATIA_CLOUD_API_SECRET", f"CHATIA_CLOUD_API_SECRET{LINE}"),
        ("CHATIA_ANYTHING", None),
    ],
)
def test_a_variable_that_is_not_read_is_named_with_the_nearest(
    name: str, nearest: str | None
) -> None:
    (found,) = find_unread([name])
    assert (found.name, found.nearest) == (name, nearest)


def test_what_is_read_is_not_named() -> None:
    lines = ("CHATIA_GATEWAY_KEY_1_10", "CHATIA_CLOUD_API_SECRET_1_10")
    assert find_unread([*list_known(), *lines, "chatia_sender", "DATABASE_URL"]) == []


@pytest.mark.parametrize(
    "name",
    [
        "HOME",
        "DBUS_SESSION_BUS_ADDRESS",
        "KAFKA_HEAP_OPTS",
        "KAFKA_HOME",
        "KAFKA_PORT_9092_TCP_ADDR",
        "DB_SERVICE_HOST",
        "CHATIA_WEBHOOKS_SERVICE_PORT_HTTP",
    ],
)
def test_variables_of_other_programs_are_not_named(name: str) -> None:
    assert find_unread([name]) == []


def list_names_in_code() -> Iterator[tuple[str, str]]:
    for folder in ("shared", "services", "tests/faults"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and NAME.fullmatch(str(node.value)):
                    yield str(node.value), str(path.relative_to(ROOT))


def test_every_variable_that_the_code_names_is_known() -> None:
    named = list(list_names_in_code())
    assert [each for each in named if each[0] not in list_known() | BEGINNINGS] == []
    assert len({name for name, _ in named}) > 20
