"""The SQL that reads a batch as a table, and its parameters."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import pytest

from shared.db.bulk import BigInt, Json, rows_as_columns, source
from tests.support.build import at


class Color(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    offset: BigInt
    name: str | None
    color: Color
    at: datetime
    kept: Json
    is_new: bool


class Key(NamedTuple):
    company_id: int
    ticket_id: int


def test_source_has_the_fields_of_a_dataclass_with_their_sql_types() -> None:
    assert source(Row) == (
        "unnest(CAST(:id AS int[]), CAST(:offset AS bigint[]), CAST(:name AS text[]), "
        "CAST(:color AS text[]), CAST(:at AS timestamptz[]), CAST(:kept AS jsonb[]), "
        'CAST(:is_new AS bool[])) AS b("id", "offset", "name", "color", "at", "kept", "is_new")'
    )


def test_source_takes_named_tuples_and_added_columns() -> None:
    assert source(Key, "k", epoch="int") == (
        "unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]), CAST(:epoch AS int[])) "
        'AS k("company_id", "ticket_id", "epoch")'
    )


def test_parameters_are_one_list_for_each_field() -> None:
    assert rows_as_columns([Key(1, 2), Key(1, 3)], Key) == {
        "company_id": [1, 1], "ticket_id": [2, 3],
    }  # fmt: skip
    row = Row(1, 2, None, Color.RED, at(), "{}", is_new=True)
    assert rows_as_columns([row], Row)["color"] == ["red"]


def test_a_field_without_an_sql_type_raises_with_its_name() -> None:
    @dataclass
    class Unknown:
        parts: complex

    with pytest.raises(TypeError, match=r"Unknown\.parts: no SQL type for"):
        source(Unknown)
