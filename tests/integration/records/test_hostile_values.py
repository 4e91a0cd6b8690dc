"""Whatever a column is given, its request is answered, and those before and after it are granted.

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
from shared.records.rights import SOFTLY
from shared.records.tables import RecordTable, tables
from shared.schema import metadata
from shared.schema.lengths import index_rows
from tests.integration.records.requests import COMPANY, Makers, Row, all_tables, asks_as
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
NO_JSON = ('"\\ud800"', "tru", '"\x01"')  # half of a pair, no word, a control character
ANYTHING = ("null", '"a\\u0000b"', "[[]]", '{"a": "\\u0000"}', '{"$ref": []}', '{"$ref": "x"}')
UNFIT: dict[type, tuple[str, ...]] = {
    str: ("7", "true"),
    int: (*NUMBERS, "1.5", '"1"'),
    float: ("1e400", "NaN", "-Infinity", '"NaN"'),
    Decimal: ('"1e400"', '"NaN"', '"1E+999999999"', str(2**63)),
    bool: ("2", '"true"'),
    datetime: TIMES,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its row, with a value as JSON text in one column; good ones have none."""

    row: Row
    column: str = ""
    raw: str = ""
    may_be_saved: bool = True
    to: str = "save"


@dataclass
class Played:
    """What was asked about a table, and what each request came to, with the reason."""

    asked: list[Asked] = field(default_factory=list)
    came_to: list[tuple[str, str]] = field(default_factory=list)


def noise(length: int) -> str:
    """Make text that is not compressible, of characters of four bytes each."""
    return "".join(chr(random.randrange(0x10000, 0x2FFFF)) for _ in range(length))


def letters(length: int) -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


def hostile(table: RecordTable, column: str) -> Iterator[tuple[str, bool]]:
    """Yield values as JSON text, each with whether it may be saved."""
    described = table.columns[column]
    for raw in ANYTHING:
        yield raw, True
    for raw in (*NO_JSON, "[" * DEEP + "]" * DEEP):
        yield raw, False
    for raw in UNFIT.get(described.kind, ()):
        yield raw, False
    may_be_long = described.kind not in UNFIT or (
        described.kind is str and described.longest is None
    )
    for text in (noise(LENGTH), letters(LENGTH)):
        yield json.dumps(text), may_be_long
    if described.longest is not None:
        yield json.dumps(noise(described.longest + 1)), False
        yield json.dumps(noise(described.longest)), True


def widest(table: RecordTable) -> Iterator[Row]:
    """Yield, for each index, its text columns all as long as they may be."""
    for row in index_rows(metadata.tables[table.name]):
        lengths = {column.name: table.columns[column.name].longest for column in row}
        if any(lengths.values()):
            yield {name: noise(length) for name, length in lengths.items() if length}


async def asked_about(table: RecordTable, makers: Makers) -> list[Asked]:
    """Put a good request before and after each bad one."""
    values = [(c, raw, may) for c in table.columns for raw, may in hostile(table, c)]
    wide = list(widest(table))
    absent = list(table.columns)
    many = len(values) + len(wide) + len(absent)
    rows = iter(await makers.rows_of(table, 2 * many + 1))
    bad = [Asked(next(rows), *value) for value in values]
    bad += [Asked(next(rows) | row) for row in wide]
    bad += [Asked({c: v for c, v in next(rows).items() if c != column}) for column in absent]
    asked = [Asked(next(rows))]
    for each in bad:
        asked += [each, Asked(next(rows))]
    return asked + deletions(table)


def deletions(table: RecordTable) -> list[Asked]:
    """Ask to delete rows by hostile names; good requests name a row that is not there."""
    company = {table.company: COMPANY} if table.company else {}
    good = Asked(company | dict.fromkeys(set(table.key) - {table.company}, LAST_ID), to="delete")
    words = ["$history"] if table.name == SOFTLY else []
    named = {*table.key, *table.natural} - {table.company}
    asked = []
    for column in sorted(named):
        values = [(raw, may) for raw, may in hostile(table, column) if raw != "null"]
        asked += [Asked(company, column, raw, may, "delete") for raw, may in values]
    for word in words:
        asked += [Asked(good.row, word, raw, to="delete") for raw in ("[]", "{}", '"yes"', "7")]
    return [each for bad in asked for each in (bad, good)]


def record_of(flow: Deployment, table: RecordTable, number: int, asked: Asked) -> Record:
    """Make the request's record, of text that no contract could be made of."""
    contract = (SAVES if asked.to == "save" else DELETES)[table.owner]
    row = asked.row | ({asked.column: MARK} if asked.column else {})
    body = {
        "companyId": asks_as(table), "requestId": f"{table.name}:{number}", "table": table.name,
        "rows": [row],
    }  # fmt: skip
    value = json.dumps(body, default=str).replace(json.dumps(MARK), asked.raw)
    return Record(
        flow.topic(contract.topic),
        f"{asks_as(table)}:{table.name}",
        value.encode("utf-8", "surrogatepass"),
        (("ce_type", contract.ce_type().encode()),),
    )


async def play(servers: TestServers, url: str) -> dict[str, Played]:
    """Ask about every column of every table at once."""
    async with AsyncExitStack() as stack:
        flow = await stack.enter_async_context(deployment(servers.kafka_bootstrap, url))
        conn = await asyncpg.connect(url)
        stack.push_async_callback(conn.close)
        await conn.execute("INSERT INTO \"Companies\" (id, name) VALUES ($1, 'Empresa')", COMPANY)
        makers = Makers(conn, await minimal.rows(url, conn))
        played = {
            name: Played(await asked_about(table, makers)) for name, table in tables().items()
        }
        places = [
            await flow.publish_at_once(
                record_of(flow, tables()[name], number, asked)
                for number, asked in enumerate(of.asked)
            )
            for name, of in played.items()
        ]
        await flow.settled()
        facts = {fact["requestId"]: fact for fact in await flow.facts("record.changed")}
        rows = await flow.sql('SELECT topic, partition, "offset", reason FROM "DeadLetters"')
        dead = {(row["topic"], row["partition"], row["offset"]): row["reason"] for row in rows}
        for (name, of), at in zip(played.items(), places, strict=True):
            of.came_to = [
                fate(facts.get(f"{name}:{number}"), dead.get(place))
                for number, place in enumerate(at)
            ]
        return played


def fate(fact: dict[str, Any] | None, letter: str | None) -> tuple[str, str]:
    """Say what a request came to."""
    if letter is not None:
        return DEAD, letter
    if fact is None:
        return "", ""
    return (REFUSED, fact["reason"]) if fact["type"].startswith("chatia.record.refused") else (
        SAVED, ""
    )  # fmt: skip


@pytest.fixture(scope="module")
def played(servers: TestServers, migrated_template: str) -> dict[str, Played]:
    """Play once, and let every test look at a table of its own."""

    async def on_a_clone() -> dict[str, Played]:
        async with cloned(servers.database_url, migrated_template) as url:
            return await play(servers, url)

    return asyncio.run(on_a_clone())


@pytest.mark.parametrize("name", all_tables())
def test_good_requests_between_bad_ones_are_granted(played: dict[str, Played], name: str) -> None:
    of = played[name]
    assert set(of.came_to[::2]) == {(SAVED, "")}


@pytest.mark.parametrize("name", all_tables())
def test_every_bad_request_is_answered_or_is_a_dead_letter_with_a_reason(
    played: dict[str, Played], name: str
) -> None:
    of = played[name]
    for asked, (fate_of, reason) in zip(of.asked[1::2], of.came_to[1::2], strict=True):
        shown = (asked.column, asked.raw[:40])
        assert fate_of, shown
        assert fate_of == SAVED or reason, shown
        assert fate_of != SAVED or asked.may_be_saved, shown
        assert len(reason) < LENGTH, shown


@pytest.mark.parametrize("name", all_tables())
def test_text_that_is_too_long_is_refused_by_a_sentence_with_its_limit(
    played: dict[str, Played], name: str
) -> None:
    table, of = tables()[name], played[name]
    for asked, came_to in zip(of.asked[1::2], of.came_to[1::2], strict=True):
        longest = table.columns[asked.column].longest if asked.column in table.columns else None
        is_long = len(asked.raw) > LENGTH and asked.raw.startswith('"')
        if (
            longest
            and is_long
            and asked.column in table.writable
            and asked.column != "passwordHash"
        ):
            assert came_to == (
                REFUSED,
                f'{asked.column} of "{name}": String should have at most {longest} characters',
            )
