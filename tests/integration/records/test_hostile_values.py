"""Every request with a hostile value has an answer, and requests before and after take effect.

For each column of each table hostile values are made from its type. Good requests stand between
them, on the same partition, and all tables are asked at once in one deployment.
"""

import asyncio
import json
import random
import string
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from shared.contracts.record_request import DELETES, SAVES
from shared.records.protected_columns import ARCHIVED
from shared.records.tables import RecordTable, get_tables
from shared.schema import metadata
from shared.schema.lengths import list_index_rows
from tests.integration.records.requests import COMPANY, Makers, Row, choose_company, list_tables
from tests.support import minimal
from tests.support.deployment import Deployment, Record, deployment
from tests.support.servers import TestServers, cloned

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

MARK = "@hostile@"
LENGTH = 9_000  # characters: no page of an index takes them, however few bytes each has
DEEP = 300  # levels
LAST_ID = 2**31 - 1
REFUSED, DEAD, SAVED = "refused", "dead", "saved"
NUMBERS = (str(2**31), str(2**63), str(-(2**63) - 1), "1e400", "NaN", '"NaN"', "9" * 5_000)
TIMES = (
    '"2026-01-01T00:00:00+99:99"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"',
    '"2026-02-30T00:00:00Z"', '"2026-01-01T00:00:00"', '"+292278994-08-17T07:12:55Z"',
    str(2**63),
)  # fmt: skip
NO_JSON = ("tru", '"\x01"')  # no word, a control character
ANYTHING = (
    "null",
    '"\\ud800"',
    '"a\\u0000b"',
    "[[]]",
    '{"a": "\\u0000"}',
    '{"$ref": []}',
    '{"$ref": "x"}',
)
UNFIT: dict[type, tuple[str, ...]] = {
    str: ("7", "true"),
    int: (*NUMBERS, "1.5", '"1"'),
    float: ("1e400", "NaN", "-Infinity", '"NaN"'),
    Decimal: ('"1e400"', '"NaN"', '"1E+999999999"', str(2**63)),
    bool: ("2", '"true"'),
    datetime: TIMES,
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its row, with a value as JSON text in one column; good ones have none."""

    row: Row
    column: str = ""
    raw: str = ""
    may_be_saved: bool = True
    to: str = "save"


@dataclass
class Played:
    """The requests about a table, and the result and reason of each."""

    asked: list[Request] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)


def build_noise(length: int) -> str:
    """Return text that cannot be compressed, of characters of four bytes each."""
    return "".join(chr(random.randrange(0x10000, 0x2FFFF)) for _ in range(length))


def build_letters(length: int) -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


def list_hostile_values(table: RecordTable, column: str) -> Iterator[tuple[str, bool]]:
    """Yield values as JSON text, each with whether it may be saved."""
    described = table.columns[column]
    for raw in ANYTHING:
        yield raw, True
    for raw in (*NO_JSON, "[" * DEEP + "]" * DEEP):
        yield raw, False
    for raw in UNFIT.get(described.kind, ()):
        yield raw, False
    may_be_long = described.kind not in UNFIT or (
        described.kind is str and described.max_length is None
    )
    for text in (build_noise(LENGTH), build_letters(LENGTH)):
        yield json.dumps(text), may_be_long
    if described.max_length is not None:
        yield json.dumps(build_noise(described.max_length + 1)), False
        yield json.dumps(build_noise(described.max_length)), True
    if described.range is not None:
        yield str(described.range.least - 1), False
        yield str(described.range.most + 1), False
        yield str(described.range.most), True


def list_longest_rows(table: RecordTable) -> Iterator[Row]:
    """Yield, for each index, its text columns with their maximal lengths."""
    for row in list_index_rows(metadata.tables[table.name]):
        lengths = {column.name: table.columns[column.name].max_length for column in row}
        if any(lengths.values()):
            yield {name: build_noise(length) for name, length in lengths.items() if length}


async def build_requests(table: RecordTable, makers: Makers) -> list[Request]:
    """Build requests: a good one before and after each bad one."""
    values = [(c, raw, may) for c in table.columns for raw, may in list_hostile_values(table, c)]
    wide = list(list_longest_rows(table))
    absent = list(table.columns)
    many = len(values) + len(wide) + len(absent)
    rows = iter(await makers.build_rows(table, 2 * many + 1))
    bad = [Request(next(rows), *value) for value in values]
    bad += [Request(next(rows) | row) for row in wide]
    bad += [Request({c: v for c, v in next(rows).items() if c != column}) for column in absent]
    asked = [Request(next(rows))]
    for each in bad:
        asked += [each, Request(next(rows))]
    return asked + build_deletions(table)


def build_deletions(table: RecordTable) -> list[Request]:
    """Build deletions with hostile keys; good ones name a row that does not exist."""
    company = {table.company_column: COMPANY} if table.company_column else {}
    good = Request(
        company | dict.fromkeys(set(table.key) - {table.company_column}, LAST_ID), to="delete"
    )
    words = ["$history"] if table.name == ARCHIVED else []
    named = {*table.key, *table.natural_key} - {table.company_column}
    asked = []
    for column in sorted(named):
        values = [(raw, may) for raw, may in list_hostile_values(table, column) if raw != "null"]
        asked += [Request(company, column, raw, may, "delete") for raw, may in values]
    for word in words:
        asked += [Request(good.row, word, raw, to="delete") for raw in ("[]", "{}", '"yes"', "7")]
    return [each for bad in asked for each in (bad, good)]


def build_record(flow: Deployment, table: RecordTable, number: int, asked: Request) -> Record:
    """Build the record of a request, with JSON that no contract could write."""
    contract = (SAVES if asked.to == "save" else DELETES)[table.owner]
    row = asked.row | ({asked.column: MARK} if asked.column else {})
    body = {
        "companyId": choose_company(table), "requestId": f"{table.name}:{number}",
        "table": table.name, "rows": [row],
    }  # fmt: skip
    value = json.dumps(body, default=str).replace(json.dumps(MARK), asked.raw)
    return Record(
        flow.topic(contract.topic),
        f"{choose_company(table)}:{table.name}",
        value.encode("utf-8", "surrogatepass"),
        (("ce_type", contract.ce_type().encode()),),
    )


async def play(servers: TestServers, url: str) -> dict[str, Played]:
    """Publish requests about every column of every table at once."""
    async with AsyncExitStack() as stack:
        flow = await stack.enter_async_context(deployment(servers.kafka_bootstrap, url))
        conn = await asyncpg.connect(url)
        stack.push_async_callback(conn.close)
        await conn.execute("INSERT INTO \"Companies\" (id, name) VALUES ($1, 'Empresa')", COMPANY)
        makers = Makers(conn, await minimal.rows(url, conn))
        played = {
            name: Played(await build_requests(table, makers))
            for name, table in get_tables().items()
        }
        places = [
            await flow.publish_at_once(
                build_record(flow, get_tables()[name], number, asked)
                for number, asked in enumerate(of.asked)
            )
            for name, of in played.items()
        ]
        await flow.settled()
        facts = {fact["requestId"]: fact for fact in await flow.facts("record.changed")}
        rows = await flow.sql('SELECT topic, partition, "offset", reason FROM "DeadLetters"')
        dead = {(row["topic"], row["partition"], row["offset"]): row["reason"] for row in rows}
        for (name, of), at in zip(played.items(), places, strict=True):
            of.results = [
                find_result(facts.get(f"{name}:{number}"), dead.get(place))
                for number, place in enumerate(at)
            ]
        return played


def find_result(fact: dict[str, Any] | None, letter: str | None) -> tuple[str, str]:
    """Return the result of a request, and its reason."""
    if letter is not None:
        return DEAD, letter
    if fact is None:
        return "", ""
    return (REFUSED, fact["reason"]) if fact["type"].startswith("chatia.record.refused") else (
        SAVED, ""
    )  # fmt: skip


@pytest.fixture(scope="module")
def played(servers: TestServers, migrated_template: str) -> dict[str, Played]:
    """Run all requests once; each test looks at one table."""

    async def on_a_clone() -> dict[str, Played]:
        async with cloned(servers.database_url, migrated_template) as url:
            return await play(servers, url)

    return asyncio.run(on_a_clone())


@pytest.mark.parametrize("name", list_tables())
def test_good_requests_between_bad_ones_take_effect(played: dict[str, Played], name: str) -> None:
    of = played[name]
    assert set(of.results[::2]) == {(SAVED, "")}


@pytest.mark.parametrize("name", list_tables())
def test_every_bad_request_has_an_answer_or_a_dead_letter(
    played: dict[str, Played], name: str
) -> None:
    of = played[name]
    for asked, (fate_of, reason) in zip(of.asked[1::2], of.results[1::2], strict=True):
        shown = (asked.column, asked.raw[:40])
        assert fate_of, shown
        assert fate_of == SAVED or reason, shown
        assert fate_of != SAVED or asked.may_be_saved, shown
        assert len(reason) < LENGTH, shown


@pytest.mark.parametrize("name", list_tables())
def test_too_long_text_is_refused_with_its_limit(played: dict[str, Played], name: str) -> None:
    table, of = get_tables()[name], played[name]
    for asked, results in zip(of.asked[1::2], of.results[1::2], strict=True):
        max_length = (
            table.columns[asked.column].max_length if asked.column in table.columns else None
        )
        is_long = len(asked.raw) > LENGTH and asked.raw.startswith('"')
        if (
            max_length
            and is_long
            and asked.column in table.writable_columns
            and asked.column != "passwordHash"
        ):
            assert results == (
                REFUSED,
                f'{asked.column} of "{name}": at most {max_length} characters are wanted',
            )
