"""Rows of queries as JSON, as CSV for spreadsheets, and as cells of tables."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from shared.cli.query_format import (
    convert_to_json,
    format_cell,
    format_csv_cell,
    format_seconds,
    list_paths,
    read_path,
    to_camel,
)
from shared.queries.relations import Named, NamedContact
from shared.queries.reports import Times
from shared.queries.tickets import Ticket

ZONE = ZoneInfo("America/Sao_Paulo")
AT = datetime(2026, 12, 1, 2, 30, tzinfo=UTC)  # half past eleven at night, of the day before


@dataclass(frozen=True)
class Inner:
    name: str


@dataclass(frozen=True)
class Outer:
    a_number: int
    inner: Inner | None
    tags: tuple[Named, ...] | None = None


@pytest.mark.parametrize(
    ("name", "camel"), [("id", "id"), ("last_message", "lastMessage"), ("p90", "p90")]
)
def test_members_are_named_as_in_other_answers(name: str, camel: str) -> None:
    assert to_camel(name) == camel


def test_json_has_what_was_asked_for_and_nothing_else() -> None:
    ticket = Ticket(
        id=1,
        uuid=UUID(int=1),
        updated_at=AT,
        contact=NamedContact(2, "Rui", None),
        tags=(Named(3, "VIP"),),
    )
    only = ("id", "uuid", "updated_at", "contact", "tags", "user")
    assert convert_to_json(ticket, only) == {
        "id": 1,
        "uuid": "00000000-0000-0000-0000-000000000001",
        "updatedAt": "2026-12-01T02:30:00+00:00",
        "contact": {"id": 2, "name": "Rui", "number": None},
        "user": None,
        "tags": [{"id": 3, "name": "VIP"}],
    }


def test_csv_has_a_column_for_each_member_of_a_member() -> None:
    assert list_paths(Outer) == {
        "aNumber": ("a_number",),
        "inner.name": ("inner", "name"),
        "tags": ("tags",),
    }
    assert list_paths(Outer, ["inner"]) == {"inner.name": ("inner", "name")}
    assert "waiting.median" in list_paths(Times)
    assert list_paths(Ticket, ("contact", "tags")) == {
        "contact.id": ("contact", "id"),
        "contact.name": ("contact", "name"),
        "contact.number": ("contact", "number"),
        "tags": ("tags",),
    }


def test_a_path_through_nothing_ends_in_nothing() -> None:
    assert read_path(Outer(1, Inner("x")), ("inner", "name")) == "x"
    assert read_path(Outer(1, None), ("inner", "name")) is None


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        (1.5, "1.5"),
        ("Não", "Não"),
        (AT, "2026-11-30T23:30:00-03:00"),
        ((Named(1, "VIP"), Named(2, "Atacado")), "VIP, Atacado"),
        ((), ""),
        ("=HYPERLINK(0)", "'=HYPERLINK(0)"),
        ("+55", "'+55"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ((Named(1, "=1"),), "'=1"),
    ],
)
def test_a_spreadsheet_calculates_nothing(value: object, cell: str) -> None:
    assert format_csv_cell(value, ZONE) == cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "-"),
        ("", "-"),
        ((), "-"),
        (True, "yes"),
        (False, "no"),
        (0, 0),
        (AT, "2026-11-30 23:30:00"),
        ("two\nlines", "two lines"),
        ("\x1b[2J", "\\x1b[2J"),
        ((Named(1, "\x1b"),), "\\x1b"),
    ],
)
def test_a_cell_is_one_line_without_control_characters(value: object, cell: object) -> None:
    assert format_cell(value, ZONE) == cell


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (0.0, "00:00"), (59.6, "01:00"), (3599.4, "59:59"), (90_061.0, "25:01:01")],
)
def test_durations_are_shown_as_on_a_clock(seconds: float | None, shown: str) -> None:
    assert format_seconds(seconds) == shown
