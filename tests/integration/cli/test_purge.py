"""`chatia db purge` and `unarchive`, beside workers and without them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.support import minimal, world
from tests.support.chatia import Ended, chatia
from tests.support.deployment import Deployment
from tests.support.deployment_cli import run_chatia

pytestmark = pytest.mark.integration
on_the_loop = pytest.mark.asyncio(loop_scope="module")

AGES = ("--messages-older-than", "1y", "--tickets-closed-before", "6m")
TWO_YEARS_AGO = datetime.now(UTC).replace(day=15) - timedelta(days=730)
ROWS = """
WITH contact AS (
  INSERT INTO "Contacts" ("companyId", name, number) VALUES (:company, 'Ana', '5511900000001')
  RETURNING id), closed AS (
  INSERT INTO "Tickets" ("companyId", "whatsappId", "contactId", status, "closedAt", "updatedAt")
  SELECT :company, :line, id, 'closed', :at, :at FROM contact RETURNING id, "contactId"), live AS (
  INSERT INTO "Tickets" ("companyId", "whatsappId", "contactId", status, "lastMessage")
  SELECT :company, :line, id, 'open', 'Até logo' FROM contact RETURNING id, "contactId")
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", "contactId", wid, body, "createdAt",
                        "updatedAt")
SELECT :company, :line, t.id, t."contactId", 'W' || t.id || '-' || n, 'Oi', :at, :at
FROM (SELECT * FROM closed UNION ALL SELECT * FROM live) AS t, generate_series(1, 3) AS n
"""
LEFT = """
SELECT w."companyId" AS company, count(DISTINCT t.id) AS tickets, count(m.id) AS messages
FROM "Whatsapps" w LEFT JOIN "Tickets" t USING ("companyId")
LEFT JOIN "Messages" m ON m."ticketId" = t.id GROUP BY 1 ORDER BY 1
"""


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    """Empty the deployment; two companies have a closed and an open ticket of two years ago."""
    await standing.empty()
    for company in (1, 2):
        await world.company(standing, company)
        await world.line(standing, company * 10, company)
        await standing.sql(ROWS, company=company, line=company * 10, at=TWO_YEARS_AGO)
    for service in ("messages", "tickets"):  # their reports were emptied, too
        await standing.until_any(
            'SELECT id FROM "Workers" WHERE service = :service', service=service
        )
    return standing


async def purge(flow: Deployment, *words: str) -> Ended:
    return await run_chatia(flow, "db", "purge", *words)


async def list_left(flow: Deployment) -> list[tuple[int, int, int]]:
    return [tuple(row.values()) for row in await flow.sql(LEFT)]


@on_the_loop
async def test_workers_delete_what_was_counted_of_one_company(flow: Deployment) -> None:
    counted = await purge(flow, *AGES, "--company", "1", "--dry-run", "--json")
    (planned,) = counted.json
    assert (planned["company"], planned["messages"], planned["tickets"]) == (1, 6, 1)
    assert await list_left(flow) == [(1, 2, 6), (2, 2, 6)]
    ended = await purge(flow, *AGES, "--company", "1", "--yes", "--json")
    assert ended.code == 0, ended
    deleted = {"Messages": 6, "Tickets": 1}
    assert ended.json == {"deleted": [{"company": 1, "rows": deleted}], "archived": []}
    assert await list_left(flow) == [(1, 1, 0), (2, 2, 6)]
    live = await flow.sql('SELECT "lastMessage" FROM "Tickets" WHERE "companyId" = 1')
    assert live == [{"lastMessage": "Até logo"}]
    facts = await flow.facts("record.changed")
    assert sorted((f["table"], f["removed"], f["actor"]) for f in facts) == [
        ("Messages", {"Messages": 6}, "ana"),
        ("Tickets", {"Tickets": 1}, "ana"),
    ]
    again = await purge(flow, *AGES, "--company", "1")
    assert (again.code, again.answer) == (0, "Nothing is older than the limits.\n")


@on_the_loop
async def test_what_was_archived_comes_back(flow: Deployment, tmp_path: Path) -> None:
    before = await flow.sql('SELECT to_jsonb(m) AS row FROM "Messages" m ORDER BY id')
    ended = await purge(flow, *AGES, "--archive", str(tmp_path), "--yes")
    assert ended.code == 0, ended
    assert await list_left(flow) == [(1, 1, 0), (2, 1, 0)]
    month = f"{TWO_YEARS_AGO:%Y-%m}"
    for company in ("1", "2"):
        words = ("db", "unarchive", str(tmp_path), "--company", company, "--month", month)
        back = await run_chatia(flow, *words)
        assert back.code == 0, back
        assert "Counts and checksums are those of the archive." in back.answer
    assert await flow.sql('SELECT to_jsonb(m) AS row FROM "Messages" m ORDER BY id') == before
    assert await list_left(flow) == [(1, 2, 6), (2, 2, 6)]


@on_the_loop
async def test_without_ages_the_settings_of_each_company_decide(flow: Deployment) -> None:
    assert (await purge(flow)).answer == "Nothing is older than the limits.\n"
    ended = await purge(flow, *AGES)
    assert ended.code == 2
    assert "--yes" in ended.complaint
    assert await list_left(flow) == [(1, 2, 6), (2, 2, 6)]


async def test_without_workers_nothing_is_deleted(migrated_url: str) -> None:
    conn = await asyncpg.connect(migrated_url)
    rows = await minimal.rows(migrated_url, conn)
    await rows.insert("Messages", await rows.company(), {"createdAt": TWO_YEARS_AGO})
    environment = {"DATABASE_URL": migrated_url}
    ended = await asyncio.to_thread(chatia, "db", "purge", *AGES, "--yes", environment=environment)
    assert ended.code == 3
    assert "No worker of messages runs" in ended.complaint
    assert await conn.fetchval('SELECT count(*) FROM "Messages"') == 1
    assert await conn.fetchval('SELECT count(*) FROM "Purges"') == 0
    await conn.close()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--messages-older-than", "1"), "'1' is not an age such as 1y"),
        (("--messages-older-than", "29d"), "'29d' is less than 30 days"),
        (("--tickets-closed-before", "0y"), "'0y' is not an age"),
    ],
)
def test_an_age_that_cannot_be_is_an_error_of_usage(words: tuple[str, ...], sentence: str) -> None:
    ended = chatia("db", "purge", *words, environment={})
    assert ended.code == 2
    assert sentence in ended.complaint


def test_a_month_that_there_is_not_is_an_error_of_usage() -> None:
    words = ("db", "unarchive", "x", "--company", "1", "--month", "2025-13")
    assert chatia(*words, environment={}).code == 2
