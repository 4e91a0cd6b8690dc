"""`chatia db generate` fills a new database with rows as the workers leave them, or refuses."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from services.tickets.unread import store
from services.tickets.unread.store import RefreshedTicket
from shared.cli import db
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.db.engine import create_unpooled_engine
from shared.generate.rows import TABLES

pytestmark = pytest.mark.integration

SMALL = ("--scale", "0.01", "--seed", "3", "--until", "2026-11-30T15:00Z")
SEED_PASSWORD = "for tests alone"  # noqa: S105 - of a database that is gone with the test
WORKER = """
INSERT INTO "Workers" (id, service, host, "processId", version, status, partitions)
VALUES (gen_random_uuid(), 'tickets', 'elsewhere', 1, '0', 'ok', 0)
"""
SCHEMA = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid),
       indisvalid AND NOT indcheckxmin
FROM pg_index JOIN pg_class c ON c.oid = indexrelid
WHERE c.relnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""
TICKETS = 'SELECT "companyId", id FROM "Tickets"'

Chatia = Callable[..., Result]


@pytest.fixture
def chatia(monkeypatch: pytest.MonkeyPatch) -> Chatia:
    """Run `chatia db …` on the database of the first argument."""

    def call(url: str, *words: str) -> Result:
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("ADMIN_PASSWORD", SEED_PASSWORD)
        return CliRunner().invoke(db.build_app(), words)

    return call


def query(url: str, *statements: str) -> list[Any]:
    """Run statements; return the rows of the last one."""

    async def run() -> list[Any]:
        conn = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await conn.execute(statement)
            return [tuple(row) for row in await conn.fetch(statements[-1])]
        finally:
            await conn.close()

    return asyncio.run(run())


def hash_tables(url: str) -> dict[str, str]:
    """Return a hash of the rows of each generated table."""
    hashes = " UNION ALL ".join(
        f"SELECT '{table}', md5(string_agg(t::text, E'\\n' ORDER BY t::text)) "  # noqa: S608
        f'FROM "{table}" t'
        for table in TABLES.values()
    )
    return dict(query(url, hashes))


def recount(url: str) -> list[Any]:
    """Let the tickets service count all tickets again; return those that it would change."""

    async def run() -> list[Any]:
        engine = create_unpooled_engine(url, "tests")
        async with engine.connect() as conn:
            rows = await conn.exec_driver_sql(TICKETS)
            now = datetime.now(UTC)
            tickets = [RefreshedTicket(row.companyId, row.id, now) for row in rows]
            changed = await store.refresh(conn, tickets)
            await conn.rollback()
        return list(changed)

    return asyncio.run(run())


def succeed(result: Result) -> str:
    assert result.exception is None, result.exception
    return result.stdout


def test_generated_rows_are_valid_counted_and_the_same_in_every_database(
    migrated_url: str, another_migrated_url: str, chatia: Chatia
) -> None:
    schema = query(migrated_url, SCHEMA)
    answer = json.loads(succeed(chatia(migrated_url, "generate", *SMALL, "--json")))
    printed = succeed(chatia(another_migrated_url, "generate", *SMALL))
    assert (answer["scale"], answer["seed"]) == (0.01, 3)
    assert answer["until"] == "2026-11-30T15:00:00Z"
    assert (answer["rows"]["Tickets"], answer["rows"]["Messages"]) == (1_200, 8_500)
    assert "--scale 0.01 --seed 3 --until 2026-11-30T15:00:00Z gives the same ones" in printed
    hashes = hash_tables(migrated_url)
    assert all(hashes.values())
    assert hash_tables(another_migrated_url) == hashes
    assert query(migrated_url, SCHEMA) == schema
    assert recount(migrated_url) == []
    again = chatia(migrated_url, "generate", *SMALL)
    assert isinstance(again.exception, RefusedError)
    assert str(again.exception).startswith("The database has 3 companies beside that of the seeds")
    assert query(migrated_url, 'SELECT count(*) FROM "Messages"') == [(8_500,)]
    known_to_the_planner = "SELECT reltuples FROM pg_class WHERE relname = 'Messages'"
    assert query(migrated_url, known_to_the_planner) == [(8_500,)]


def test_generated_rows_stand_beside_the_seeds_and_rows_go_on_after_them(
    migrated_url: str, chatia: Chatia
) -> None:
    succeed(chatia(migrated_url, "seed"))
    # Too few contacts for one to have a user of its own: a table stays empty.
    few = ("--scale", "0.001", "--until", "2026-11-30T13:00Z", "--json")
    assert json.loads(succeed(chatia(migrated_url, "generate", *few)))["rows"]["Tickets"] == 120
    assert query(migrated_url, 'SELECT count(*) FROM "ContactWallets"') == [(0,)]
    found = query(migrated_url, 'SELECT name FROM "Companies" ORDER BY id LIMIT 1')
    assert found == [("Empresa 1",)]
    assert query(migrated_url, 'SELECT count(*) FROM "Companies"') == [(4,)]
    insert = """INSERT INTO "Companies" (name) VALUES ('Nova') RETURNING id"""
    assert query(migrated_url, insert) == [(5,)]
    of_tickets = """SELECT nextval(pg_get_serial_sequence('"Tickets"', 'id'))"""
    assert query(migrated_url, of_tickets) == [(121,)]


def test_a_database_in_use_by_workers_gets_no_rows(migrated_url: str, chatia: Chatia) -> None:
    query(migrated_url, WORKER, "SELECT 1")
    refused = chatia(migrated_url, "generate", *SMALL).exception
    assert isinstance(refused, RefusedError)
    assert str(refused).startswith('1 rows of "Workers" say that workers use this database')
    assert query(migrated_url, 'SELECT count(*) FROM "Companies"') == [(0,)]


def test_the_company_of_the_seeds_must_not_be_at_work_yet(
    migrated_url: str, chatia: Chatia
) -> None:
    succeed(chatia(migrated_url, "seed"))
    contact = """INSERT INTO "Contacts" ("companyId", name) VALUES (1, 'Ana')"""
    query(migrated_url, contact, "SELECT 1")
    refused = chatia(migrated_url, "generate", *SMALL).exception
    assert isinstance(refused, RefusedError)
    assert str(refused).startswith("The company of the seeds has contacts")


def test_a_database_without_the_schema_is_refused(database_url: str, chatia: Chatia) -> None:
    refused = chatia(database_url, "generate", *SMALL).exception
    assert isinstance(refused, RefusedError)
    assert str(refused).endswith("migrations are missing: run `chatia db upgrade` first.")


@pytest.mark.parametrize("until", ["tomorrow", "1999-01-01"])
def test_an_end_that_is_no_time_or_before_whatsapp_is_a_wrong_argument(
    until: str, chatia: Chatia
) -> None:
    wrong = chatia("postgresql://nobody@localhost/none", "generate", "--until", until).exception
    assert isinstance(wrong, InvalidUsageError)
    assert "--until" in str(wrong)
