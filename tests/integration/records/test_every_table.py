"""Rows of every table are saved, changed, deleted and refused by events, through Kafka."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from shared.contracts.record_request import DELETES, SAVES
from shared.records.rights import SOFTLY, STAY
from shared.records.tables import RecordTable, tables
from tests.integration.records.requests import COMPANY, Makers, Row, all_tables, asks_as
from tests.support import minimal
from tests.support.deployment import Deployment, Record, deployment
from tests.support.servers import TestServers, cloned

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

Key = tuple[Any, ...]
HALF = 500  # of a request for a thousand rows: so many are there, so many are new
SAME = 50  # rows that stay as they were
FIRST = SAME + HALF
STEPS = ("new", "both", "wrong", "delete")
OTHER = {str: "another", int: 77, float: 7.5, bool: True}


@dataclass
class Played:
    """What was asked about a table, what was answered, and what was there after each step."""

    rows: list[Row]
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    stood: dict[str, dict[Key, Row]] = field(default_factory=dict)


def ask(
    flow: Deployment, table: RecordTable, step: str, rows: list[Row], *, to: str = "save"
) -> Record:
    contract = (SAVES if to == "save" else DELETES)[table.owner]
    return flow.request(
        contract(
            company_id=asks_as(table),
            request_id=f"{table.name}:{step}",
            table=table.name,
            actor="back office",
            rows=tuple(rows),
        )
    )


def named(table: RecordTable, row: Row, key: Row) -> Row:
    """Name a row that is there as people do, or by its id where only that tells it."""
    company = {table.company: row[table.company]} if table.company in row else {}
    columns = [column for column in table.natural if column != table.company]
    return company | ({column: row[column] for column in columns} if columns else key)


def changed(table: RecordTable, row: Row) -> Row:
    """Say something else in one column that may change, if there is one."""
    fixed = {*table.natural, *table.key, *STAY.get(table.name, ()), "passwordHash", table.company}
    fixed |= {parent.column for parent in table.parents}
    column = next((c for c in row if c not in fixed and table.columns[c].kind in OTHER), None)
    return {} if column is None else {column: OTHER[table.columns[column].kind]}


def step(flow: Deployment, table: RecordTable, played: Played, name: str) -> Record:
    """Make the request of one step."""
    keys = played.answers.get("new", {}).get("inserted", {}).get(table.name, [])
    if name == "new":
        return ask(flow, table, name, played.rows[:FIRST])
    if name == "both":
        there = zip(played.rows[SAME:FIRST], keys[SAME:], strict=True)
        known = [named(table, row, key) | changed(table, row) for row, key in there]
        return ask(flow, table, name, [*known, *played.rows[FIRST:-1]])
    if name == "wrong":
        return ask(flow, table, name, [played.rows[-1], {**played.rows[-1], "nonsense": 1}])
    if asks_as(table) == 0 and table.company:
        of_company = [{table.company: row[table.company]} for row in played.rows]
        keys = [key | company for key, company in zip(keys, of_company, strict=False)]
    return ask(flow, table, name, keys, to="delete")


async def standing(flow: Deployment, table: RecordTable) -> dict[Key, Row]:
    """Read the rows of a table by their keys."""
    found = await flow.sql(f'SELECT row_to_json(t) AS row FROM "{table.name}" t')  # noqa: S608 - our own tables
    return {key_of(table, each["row"]): each["row"] for each in found}


def key_of(table: RecordTable, row: Row) -> Key:
    return tuple(row[column] for column in table.key)


async def play(servers: TestServers, url: str) -> dict[str, Played]:
    """Play every step with every table at once."""
    async with AsyncExitStack() as stack:
        flow = await stack.enter_async_context(deployment(servers.kafka_bootstrap, url))
        conn = await asyncpg.connect(url)
        stack.push_async_callback(conn.close)
        await conn.execute("INSERT INTO \"Companies\" (id, name) VALUES ($1, 'Empresa')", COMPANY)
        makers = Makers(conn, await minimal.rows(url, conn))
        played = {
            name: Played(await makers.rows_of(table, FIRST + HALF + 1))
            for name, table in tables().items()
        }
        for name in STEPS:
            await flow.publish(
                *(step(flow, tables()[each], of, name) for each, of in played.items())
            )
            await flow.settled()
            await flow.until_none('SELECT id FROM "Purges" WHERE "finishedAt" IS NULL')
            await flow.settled()
            facts = {fact["requestId"]: fact for fact in await flow.facts("record.changed")}
            for each, of in played.items():
                of.stood[name] = await standing(flow, tables()[each])
                of.answers[name] = facts[f"{each}:{name}"]
        return played


@pytest.fixture(scope="module")
def played(servers: TestServers, migrated_template: str) -> dict[str, Played]:
    """Play once, and let every test look at a table of its own."""

    async def on_a_clone() -> dict[str, Played]:
        async with cloned(servers.database_url, migrated_template) as url:
            return await play(servers, url)

    return asyncio.run(on_a_clone())


def is_said(said: Row, row: Row) -> bool:
    """Whether a row is as was asked, by its columns as JSON shows them."""
    return all(
        row[column] == value or str(value)[:19] in str(row[column])
        for column, value in said.items()
    )


@pytest.mark.parametrize("name", all_tables())
def test_new_rows_are_inserted_and_named_by_their_keys(
    played: dict[str, Played], name: str
) -> None:
    table, of = tables()[name], played[name]
    answer = of.answers["new"]
    assert answer["type"] == "chatia.record.saved.v1", answer
    assert (answer["actor"], answer["updated"]) == ("back office", {})
    keys = [key_of(table, key) for key in answer["inserted"][name]]
    assert len(keys) == len(set(keys)) == FIRST
    for row, key in zip(of.rows, keys, strict=False):
        assert is_said(row, of.stood["new"][key])


@pytest.mark.parametrize("name", all_tables())
def test_rows_are_changed_and_others_inserted_in_one_request(
    played: dict[str, Played], name: str
) -> None:
    table, of = tables()[name], played[name]
    answer = of.answers["both"]
    assert answer["type"] == "chatia.record.saved.v1", answer
    before = [key_of(table, key) for key in of.answers["new"]["inserted"][name]]
    updated = [key_of(table, key) for key in answer["updated"][name]]
    assert (updated, len(answer["inserted"][name])) == (before[SAME:], HALF)
    for row, key in zip(of.rows[SAME:FIRST], updated, strict=True):
        then, now = of.stood["new"][key], of.stood["both"][key]
        assert is_said(row | changed(table, row), now)
        assert now["updatedAt"] > then["updatedAt"]
    for row, key in zip(of.rows[:SAME], before, strict=False):
        assert is_said(row, of.stood["both"][key])


@pytest.mark.parametrize("name", all_tables())
def test_a_row_that_does_not_fit_is_refused_with_all_that_came_with_it(
    played: dict[str, Played], name: str
) -> None:
    of = played[name]
    answer = of.answers["wrong"]
    assert (answer["type"], answer["reason"], answer["row"]) == (
        "chatia.record.refused.v1",
        f'"{name}" has no column nonsense',
        1,
    )
    assert of.stood["wrong"].keys() == of.stood["both"].keys()


@pytest.mark.parametrize("name", all_tables())
def test_rows_are_deleted_with_what_hangs_on_them(played: dict[str, Played], name: str) -> None:
    table, of = tables()[name], played[name]
    answer, left = of.answers["delete"], of.stood["delete"]
    asked = {key_of(table, key) for key in of.answers["new"]["inserted"][name]}
    assert answer["type"] == "chatia.record.deleted.v1", answer
    assert {key_of(table, key) for key in answer["deleted"][name]} == asked
    if name == SOFTLY:
        assert {key for key, row in left.items() if not row["active"]} == asked
    else:
        assert left.keys().isdisjoint(asked)
