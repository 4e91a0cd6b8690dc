"""Deleting a company while gateways still send for it and workers are killed."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.record_request import TicketsRecordDelete
from shared.embedded.processes import Guarded
from shared.schema import SERVICES
from tests.support import world
from tests.support.build import received
from tests.support.chatia import Ended, chatia
from tests.support.deployment import Deployment, deployment
from tests.support.servers import TestServers, cloned
from tests.support.sources import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

GONE, STAYS = 1, 2
MESSAGES = 6_000
PATIENCE_S = 90.0
# The purge ends before or after the record that was published meanwhile.
REJECTIONS = (
    ("being-deleted", "company 1 is being deleted"),
    ("deleted", "company 1 is deleted"),
)
FILL = """
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body)
SELECT :gone, 10, 7, 'old ' || n, 'Oi' FROM generate_series(1, :messages) AS n
"""


@dataclass
class Played:
    """What was observed during the purge."""

    left_at_the_kill: int = 0
    letters: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    saved: Ended | None = None
    replay: Ended | None = None
    deleted: Ended | None = None


@contextmanager
def processes(environment: dict[str, str], folder: Path) -> Iterator[list[Guarded]]:
    """Run a worker process of each service until the block ends."""
    started = [
        Guarded.start(
            [sys.executable, "-m", "shared.cli", "worker", service],
            log_path=folder / f"{service}.log",
            env=os.environ | environment,
            cwd=ROOT,
        )
        for service in SERVICES
    ]
    try:
        yield started
    finally:
        for process in started:
            process.stop()


async def until(flow: Deployment, query: str, **values: object) -> dict[str, Any]:
    """Wait until a query finds a row."""
    async with asyncio.timeout(PATIENCE_S):
        while not (rows := await flow.sql(query, **values)):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)
    return rows[0]


async def count(flow: Deployment, table: str, company: int) -> int:
    (row,) = await flow.sql(
        f'SELECT count(*) AS n FROM "{table}" WHERE "companyId" = :company',  # noqa: S608 - our own tables
        company=company,
    )
    return int(row["n"])


async def publish_message(flow: Deployment, company: int, wid: str) -> None:
    await flow.publish(flow.record(received(wid, company_id=company, whatsapp_id=10 * company)))


async def play(servers: TestServers, url: str, folder: Path) -> Played:
    async with AsyncExitStack() as stack:
        flow = await stack.enter_async_context(deployment(servers.kafka_bootstrap, url, ()))
        environment = {
            "DATABASE_URL": url,
            "KAFKA_BOOTSTRAP_SERVERS": flow.settings.kafka.bootstrap_servers,
            "CHATIA_NAMESPACE": flow.settings.namespace,
            "CHATIA_EVOLUTION_PREFIX": flow.settings.evolution_prefix,
        }
        for company in (GONE, STAYS):
            await world.company(flow, company)
            await world.line(flow, 10 * company, company)
        await flow.sql("""INSERT INTO "Contacts" (id, "companyId", name) VALUES (5, 1, 'Maria')""")
        await flow.sql(
            'INSERT INTO "Tickets" (id, "companyId", "whatsappId", "contactId") '
            "VALUES (7, 1, 10, 5)"
        )
        await flow.sql(FILL, gone=GONE, messages=MESSAGES)
        played = Played()
        with processes(environment, folder) as workers:
            played.left_at_the_kill = await begin_and_kill(flow, workers)
        with processes(environment, folder):
            await finish(flow, environment, played)
        return played


async def begin_and_kill(flow: Deployment, workers: list[Guarded]) -> int:
    """Kill every worker when some messages are deleted; return how many are left."""
    await flow.publish(
        flow.request(
            TicketsRecordDelete(
                company_id=0, request_id="r1", table="Companies", rows=({"id": GONE},)
            )
        )
    )
    await until(
        flow,
        'SELECT 1 AS n WHERE (SELECT count(*) FROM "Messages" WHERE "companyId" = 1) < :messages',
        messages=MESSAGES,
    )
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
    return await count(flow, "Messages", GONE)


async def finish(flow: Deployment, environment: dict[str, str], played: Played) -> None:
    """Publish more records after the restart, and read the results at the end."""
    await publish_message(flow, GONE, "while-it-goes")
    await publish_message(flow, STAYS, "of-another")
    await until(flow, 'SELECT id FROM "Purges" WHERE "finishedAt" IS NOT NULL')
    played.rows = {
        table: await count(flow, table, GONE)
        for table in ("Messages", "Tickets", "Contacts", "Whatsapps")
    }
    await publish_message(flow, GONE, "too-late")
    await flow.settled()
    said = await until(
        flow, 'SELECT "ticketId" AS id FROM "Messages" WHERE "companyId" = :stays', stays=STAYS
    )
    played.letters = await flow.sql(
        'SELECT id, reason, key, body, detail FROM "DeadLetters" ORDER BY id'
    )
    played.facts = await flow.facts("record.changed")
    for name, words, rows in (
        ("replay", ["dead-letters", "replay", str(played.letters[0]["id"])], []),
        (
            "saved",
            ["record", "save", "Tags", "-", "--company", "0"],
            [{"name": "x", "companyId": 1}],
        ),
        ("deleted", ["record", "delete", "Tickets", "-", "--company", "2"], [{"id": said["id"]}]),
    ):
        given = "\n".join(json.dumps(row) for row in rows)
        ended = await asyncio.to_thread(chatia, *words, environment=environment, given=given)
        setattr(played, name, ended)


@pytest.fixture(scope="module")
def played(
    servers: TestServers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Played:
    """Run it once for all tests."""

    async def on_a_clone() -> Played:
        async with cloned(servers.database_url, migrated_template) as url:
            return await play(servers, url, tmp_path_factory.mktemp("logs"))

    return asyncio.run(on_a_clone())


def test_a_purge_continues_after_workers_were_killed(played: Played) -> None:
    assert 0 < played.left_at_the_kill < MESSAGES
    assert set(played.rows.values()) == {0}


def test_the_answer_counts_rows_from_before_and_after_the_kill(played: Played) -> None:
    (answer,) = [f for f in played.facts if f["type"] == "chatia.record.deleted.v1"]
    assert answer["removed"]["Messages"] == MESSAGES


def test_new_records_are_rejected_without_their_content(played: Played) -> None:
    assert played.letters[-1]["reason"] == "deleted"
    for letter in played.letters:
        assert (letter["reason"], letter["detail"]) in REJECTIONS
        assert (letter["key"], letter["body"]) == (None, None)


def test_rejected_records_are_not_replayed(played: Played) -> None:
    assert played.replay is not None
    assert played.replay.code == 4
    assert played.replay.complaint.startswith("Nothing is replayed: the company is deleted")


def test_no_row_is_saved_for_a_deleted_company(played: Played) -> None:
    assert played.saved is not None
    assert (played.saved.code, played.saved.complaint) == (
        4,
        'Refused (row 1 of the request): companyId: "Companies" has no row 1.\n',
    )


def test_the_command_waits_for_the_end_and_prints_the_counts(played: Played) -> None:
    assert played.deleted is not None
    assert played.deleted.code == 0, played.deleted
    assert played.deleted.answer.startswith("Tickets: 1 deleted with ")
    assert "1 of Messages" in played.deleted.answer
