"""Rows of every table are saved, changed, deleted and refused by events, through Kafka."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from shared.contracts.record_request import DELETES, SAVES
from shared.records.protected_columns import ARCHIVED, WRITTEN_ONCE
from shared.records.tables import RecordTable, get_tables
from tests.integration.records.requests import COMPANY, Makers, Row, choose_company, list_tables
from tests.support import minimal
from tests.support.deployment import Deployment, Record, deployment
from tests.support.servers import TestServers, cloned

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

Key = tuple[Any, ...]
HALF = 500  # of a request for 1,000 rows: so many exist, so many are new
SAME = 50  # rows that are not changed
FIRST = SAME + HALF
STEPS = ("new", "both", "wrong", "delete")
OTHER = {str: "another", int: 77, float: 7.5, bool: True}


@dataclass
class Played:
    """The rows of a table, the answers, and the rows in the database after each step."""

    rows: list[Row]
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    after: dict[str, dict[Key, Row]] = field(default_factory=dict)


def build_request(
    flow: Deployment, table: RecordTable, step: str, rows: list[Row], *, to: str = "save"
) -> Record:
    contract = (SAVES if to == "save" else DELETES)[table.owner]
    return flow.request(
        contract(
            company_id=choose_company(table),
            request_id=f"{table.name}:{step}",
            table=table.name,
            actor="back office",
            rows=tuple(rows),
        )
    )


def select_key(table: RecordTable, row: Row, key: Row) -> Row:
    """Return the natural key of a row, or its id where there is none."""
    company = (
        {table.company_column: row[table.company_column]} if table.company_column in row else {}
    )
    columns = [column for column in table.natural_key if column != table.company_column]
    return company | ({column: row[column] for column in columns} if columns else key)


def change_row(table: RecordTable, row: Row) -> Row:
    """Return another value of one column that may change, if there is one."""
    fixed = {
        *table.natural_key,
        *table.key,
        *WRITTEN_ONCE.get(table.name, ()),
        "passwordHash",
        table.company_column,
    }
    fixed |= {table.company_column, *(parent.column for parent in table.parents)}
    column = next((c for c in row if c not in fixed and table.columns[c].kind in OTHER), None)
    return {} if column is None else {column: OTHER[table.columns[column].kind]}


def build_step(flow: Deployment, table: RecordTable, played: Played, name: str) -> Record:
    """Build the request of one step."""
    keys = played.answers.get("new", {}).get("inserted", {}).get(table.name, [])
    if name == "new":
        return build_request(flow, table, name, played.rows[:FIRST])
    if name == "both":
        there = zip(played.rows[SAME:FIRST], keys[SAME:], strict=True)
        known = [select_key(table, row, key) | change_row(table, row) for row, key in there]
        return build_request(flow, table, name, [*known, *played.rows[FIRST:-1]])
    if name == "wrong":
        return build_request(
            flow, table, name, [played.rows[-1], {**played.rows[-1], "nonsense": 1}]
        )
    if choose_company(table) == 0 and table.company_column:
        of_company = [{table.company_column: row[table.company_column]} for row in played.rows]
        keys = [key | company for key, company in zip(keys, of_company, strict=False)]
    return build_request(flow, table, name, keys, to="delete")


async def load_rows(flow: Deployment, table: RecordTable) -> dict[Key, Row]:
    """Return the rows of a table by their keys."""
    found = await flow.sql(f'SELECT row_to_json(t) AS row FROM "{table.name}" t')  # noqa: S608 - our own tables
    return {read_key(table, each["row"]): each["row"] for each in found}


def read_key(table: RecordTable, row: Row) -> Key:
    return tuple(row[column] for column in table.key)


async def play(servers: TestServers, url: str) -> dict[str, Played]:
    """Run every step with all tables at once."""
    async with AsyncExitStack() as stack:
        flow = await stack.enter_async_context(deployment(servers.kafka_bootstrap, url))
        conn = await asyncpg.connect(url)
        stack.push_async_callback(conn.close)
        await conn.execute("INSERT INTO \"Companies\" (id, name) VALUES ($1, 'Empresa')", COMPANY)
        makers = Makers(conn, await minimal.rows(url, conn))
        played = {
            name: Played(await makers.build_rows(table, FIRST + HALF + 1))
            for name, table in get_tables().items()
        }
        for name in STEPS:
            await flow.publish(
                *(build_step(flow, get_tables()[each], of, name) for each, of in played.items())
            )
            await flow.settled()
            await flow.until_none('SELECT id FROM "Purges" WHERE "finishedAt" IS NULL')
            await flow.settled()
            facts = {fact["requestId"]: fact for fact in await flow.facts("record.changed")}
            for each, of in played.items():
                of.after[name] = await load_rows(flow, get_tables()[each])
                of.answers[name] = facts[f"{each}:{name}"]
        return played


@pytest.fixture(scope="module")
def played(servers: TestServers, migrated_template: str) -> dict[str, Played]:
    """Run all steps once; each test looks at one table."""

    async def on_a_clone() -> dict[str, Played]:
        async with cloned(servers.database_url, migrated_template) as url:
            return await play(servers, url)

    return asyncio.run(on_a_clone())


def has_values(requested: Row, row: Row) -> bool:
    """Return whether a row has the requested values, as JSON shows them."""
    return all(
        row[column] == value or str(value)[:19] in str(row[column])
        for column, value in requested.items()
    )


@pytest.mark.parametrize("name", list_tables())
def test_new_rows_are_inserted_and_named_by_their_keys(
    played: dict[str, Played], name: str
) -> None:
    table, of = get_tables()[name], played[name]
    answer = of.answers["new"]
    assert answer["type"] == "chatia.record.saved.v1", answer
    assert (answer["actor"], answer["updated"]) == ("back office", {})
    keys = [read_key(table, key) for key in answer["inserted"][name]]
    assert len(keys) == len(set(keys)) == FIRST
    for row, key in zip(of.rows, keys, strict=False):
        assert has_values(row, of.after["new"][key])


@pytest.mark.parametrize("name", list_tables())
def test_rows_are_changed_and_others_inserted_in_one_request(
    played: dict[str, Played], name: str
) -> None:
    table, of = get_tables()[name], played[name]
    answer = of.answers["both"]
    assert answer["type"] == "chatia.record.saved.v1", answer
    before = [read_key(table, key) for key in of.answers["new"]["inserted"][name]]
    updated = [read_key(table, key) for key in answer["updated"][name]]
    assert (updated, len(answer["inserted"][name])) == (before[SAME:], HALF)
    for row, key in zip(of.rows[SAME:FIRST], updated, strict=True):
        then, now = of.after["new"][key], of.after["both"][key]
        assert has_values(row | change_row(table, row), now)
        assert now["updatedAt"] > then["updatedAt"]
    for row, key in zip(of.rows[:SAME], before, strict=False):
        assert has_values(row, of.after["both"][key])


@pytest.mark.parametrize("name", list_tables())
def test_an_invalid_row_refuses_its_whole_request(played: dict[str, Played], name: str) -> None:
    of = played[name]
    answer = of.answers["wrong"]
    assert (answer["type"], answer["reason"], answer["row"]) == (
        "chatia.record.refused.v1",
        f'"{name}" has no column nonsense',
        1,
    )
    assert of.after["wrong"].keys() == of.after["both"].keys()


@pytest.mark.parametrize("name", list_tables())
def test_rows_are_deleted_with_their_dependents(played: dict[str, Played], name: str) -> None:
    table, of = get_tables()[name], played[name]
    answer, left = of.answers["delete"], of.after["delete"]
    asked = {read_key(table, key) for key in of.answers["new"]["inserted"][name]}
    assert answer["type"] == "chatia.record.deleted.v1", answer
    assert {read_key(table, key) for key in answer["deleted"][name]} == asked
    if name == ARCHIVED:
        assert {key for key, row in left.items() if not row["active"]} == asked
    else:
        assert left.keys().isdisjoint(asked)
