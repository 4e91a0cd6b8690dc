"""The figures of `chatia status` and `chatia metrics` for a known state of Kafka and Postgres."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from shared.delivery.health.http_server import serve_http
from shared.delivery.kafka import clients
from shared.doctor.findings import Code
from shared.settings import BatchSettings
from shared.status.exporter import Exporter
from shared.status.figures import Status
from shared.status.read import read_status
from shared.version import VERSION
from tests.support import world
from tests.support.deployment import APPS, PARTITIONS, Deployment, deployment, running
from tests.support.deployment_cli import run_chatia
from tests.support.probes import free_port, scrape
from tests.support.servers import TestServers, cloned

pytestmark = pytest.mark.integration
on_the_loop = pytest.mark.asyncio(loop_scope="module")

PATIENCE_S = 30.0
HOUR_S = 3_600
TOLERANCE_S = 30.0  # a slow machine may take so long between two statements


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idle(servers: TestServers, migrated_template: str) -> AsyncIterator[Deployment]:
    """Run a deployment without workers."""
    async with (
        cloned(servers.database_url, migrated_template) as url,
        deployment(servers.kafka_bootstrap, url, workers=()) as started,
    ):
        async with asyncio.timeout(PATIENCE_S):
            while (await read_status(started.settings)).members["tickets"] is None:
                pass  # a new cluster lists no members until it has made the topic of its groups
        yield started


def near(seconds: float) -> Any:
    """Return what is equal to an age that was measured a moment ago."""
    return pytest.approx(seconds, abs=TOLERANCE_S)


async def publish(flow: Deployment, topic: str, *ages_s: tuple[str, float], partition: int) -> int:
    """Publish a record of each company with an age; return the offset of the first one."""
    now_ms = int(time.time() * 1000)
    producer = AIOKafkaProducer(**clients.build_client_arguments(flow.settings.kafka))
    await producer.start()
    try:
        sent = [
            await producer.send_and_wait(
                flow.topic(topic),
                b"{}",
                f"{company}:10".encode(),
                partition=partition,
                timestamp_ms=now_ms - int(age_s * 1000),
            )
            for company, age_s in ages_s
        ]
    finally:
        await producer.stop()
    return int(sent[0].offset)


async def save_checkpoint(
    flow: Deployment, service: str, topic: str, partition: int, offset: int, aside: str = "{}"
) -> None:
    await flow.sql(
        'INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset", aside) '
        "VALUES (:service, :topic, :partition, :offset, CAST(:aside AS jsonb))",
        service=service, topic=flow.topic(topic), partition=partition, offset=offset, aside=aside,
    )  # fmt: skip


def find_stage(status: Status, service: str, topic: str) -> tuple[int | None, float | None]:
    (found,) = [s for s in status.stages if (s.service, s.topic) == (service, topic)]
    return found.backlog, found.lateness_s


async def find_codes(flow: Deployment, topic: str) -> dict[Code, str]:
    """Return what `chatia db doctor` finds about a partition, each with the service."""
    found = (await run_chatia(flow, "db", "doctor", "--json")).json["findings"]
    name = f"{flow.topic(topic)}/1 "
    return {
        Code(each["code"]): each["sentence"].split()[0]
        for each in found
        if name in each["sentence"]
    }


async def read_until(flow: Deployment, **members: int) -> Status:
    """Read the status until each of these services has so many members that have reported."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await read_status(flow.settings)
            reported = [w for w in status.workers if w.is_member and w.report_age_s is not None]
            counts = {s: sum(w.service == s for w in reported) for s in members}
            if counts == members == {s: status.members[s] for s in members}:
                return status
            await asyncio.sleep(0.3)


@on_the_loop
async def test_a_stage_is_as_late_as_its_oldest_record_that_was_not_taken(
    idle: Deployment,
) -> None:
    first = await publish(
        idle, "contacts.requests", ("1", 2 * HOUR_S), ("1", HOUR_S), ("1", 60.0), partition=1
    )
    await save_checkpoint(idle, "contacts", "contacts.requests", 1, first + 1)
    await publish(idle, "contacts.requests", ("1", 30.0), partition=2)
    backlog, lateness_s = find_stage(
        await read_status(idle.settings), "contacts", "contacts.requests"
    )
    assert backlog == 3
    assert lateness_s == near(HOUR_S)


@on_the_loop
async def test_deferred_records_make_a_stage_late_until_the_bulk_path_has_taken_them(
    idle: Deployment,
) -> None:
    topic = "message.received"
    first = await publish(
        idle, topic, ("8", 5 * HOUR_S), ("7", 4 * HOUR_S), ("8", 3 * HOUR_S), ("7", 2 * HOUR_S),
        partition=0,
    )  # fmt: skip
    aside = f'{{"7": [{first + 1}, {first + 3}]}}'
    await save_checkpoint(idle, "contacts", topic, 0, first + 4, aside)
    status = await read_status(idle.settings)
    backlog, lateness_s = find_stage(status, "contacts", topic)
    assert (backlog, lateness_s) == (0, near(4 * HOUR_S))
    assert [(d.service, d.company, d.most_records) for d in status.deferred] == [
        ("contacts", "7", 3)
    ]
    await save_checkpoint(idle, "contacts.bulk", topic, 0, first + 2)
    _, lateness_s = find_stage(await read_status(idle.settings), "contacts", topic)
    assert lateness_s == near(2 * HOUR_S)  # the record between is company 8's


@on_the_loop
async def test_readers_of_one_topic_are_late_each_by_itself(idle: Deployment) -> None:
    topic = "contact.changed"
    first = await publish(idle, topic, ("1", 3 * HOUR_S), ("1", HOUR_S), partition=0)
    await save_checkpoint(idle, "tickets", topic, 0, first)
    await save_checkpoint(idle, "messages", topic, 0, first + 1)
    status = await read_status(idle.settings)
    for service, backlog, hours in (("tickets", 2, 3), ("messages", 1, 1)):
        found = find_stage(status, service, topic)
        assert found == (backlog, near(hours * HOUR_S))


@on_the_loop
async def test_rows_become_figures(idle: Deployment) -> None:
    await world.company(idle, 1)
    await world.line(idle, 10, 1)
    await idle.sql("""
        INSERT INTO "DeadLetters" (service, topic, partition, "offset", reason, status)
        VALUES ('tickets', 't', 0, 1, 'poison', 'open'), ('tickets', 't', 0, 2, 'poison', 'open'),
               ('tickets', 't', 0, 3, 'poison', 'discarded')
    """)
    await idle.sql("""
        INSERT INTO "Quarantines" (service, line, reason, detail)
        VALUES ('messages', '1:10', 'too-deep', '')
    """)
    await idle.sql("""
        INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, status, "createdAt")
        VALUES (1, 'old', 10, 'c', 'w1', 'sent', now() - interval '9 hours'),
               (1, 'new', 10, 'c', 'w2', 'waiting', now() - interval '2 hours')
    """)
    await idle.sql("""
        INSERT INTO "Purges" ("companyId", "tableName", "requestId", deleted, removed)
        VALUES (0, 'Companies', 'r', '[]', '{"Messages": 40, "Tickets": 2}')
    """)
    status = await read_status(idle.settings)
    assert [(d.service, d.reason, d.count) for d in status.dead_letters] == [
        ("tickets", "poison", 2)
    ]
    assert [(q.service, q.line) for q in status.quarantines] == [("messages", "1:10")]
    assert status.oldest_unsent_s == near(2 * HOUR_S)
    assert sum(lines.count for lines in status.lines) == 1
    assert [(p.table, p.rows) for p in status.purges] == [("Companies", 42)]


@on_the_loop
async def test_workers_report_halted_partitions_and_leave_when_they_stop(
    idle: Deployment,
) -> None:
    """The checkpoint of a halted partition is beyond the end of its log."""
    await save_checkpoint(idle, "campaigns", "campaign.send", 2, 99)
    await idle.sql("""
        INSERT INTO "Workers"
          (id, service, host, "processId", version, status, partitions, "reportedAt")
        VALUES (gen_random_uuid(), 'campaigns', 'killed', 1, '0.0.9', 'ok', 6,
                now() - interval '40 seconds')
    """)
    quick = idle.settings.model_copy(update={"batches": BatchSettings(wait_ms=50)})
    async with running(APPS["campaigns"](quick)):
        await read_until(idle, campaigns=1)
        async with asyncio.timeout(PATIENCE_S):
            while not any(w.halted for w in (await read_status(idle.settings)).workers):  # noqa: ASYNC110 - another process' row
                await asyncio.sleep(0.3)
        status = await read_status(idle.settings)
        states = {w.host: w.state.value for w in status.workers if w.service == "campaigns"}
        assert states.pop("killed") == "gone"
        assert list(states.values()) == ["degraded"]
        (worker,) = [w for w in status.workers if w.is_member]
        assert (worker.version, worker.partitions) == (VERSION, 2 * PARTITIONS)
        assert f"{idle.topic('campaign.send')}/2: " in worker.halted[0]
    assert (await read_status(idle.settings)).members["campaigns"] == 0
    assert await idle.sql("""SELECT host FROM "Workers" WHERE host <> 'killed'""") == []


@on_the_loop
async def test_the_command_says_what_needs_an_operator_with_its_exit_code(
    idle: Deployment,
) -> None:
    run = await run_chatia(idle, "status")
    assert run.code == 1, run.complaint
    assert "  No worker of contacts runs.\n" in run.answer
    as_json: dict[str, Any] = (await run_chatia(idle, "status", "--json")).json
    assert as_json["isWell"] is False
    assert as_json["members"] == dict.fromkeys(APPS, 0)
    no_kafka = await run_chatia(idle, "status", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert no_kafka.code == 3
    assert "Kafka gives no figures: no broker at 127.0.0.1:1." in no_kafka.answer
    assert "?" not in (await run_chatia(idle, "status")).answer
    url = idle.settings.database.url_override
    assert url
    no_database = await run_chatia(idle, "status", DATABASE_URL=f"{url.get_secret_value()}_2")
    assert no_database.code == 3
    assert re.search(r"Postgres gives no figures: .* does not exist\.", no_database.answer)
    wrong = await run_chatia(idle, "status", "--max-lateness", "-1")
    assert wrong.code == 2


@on_the_loop
async def test_the_doctor_finds_checkpoints_that_kafka_does_not_have_any_more(
    idle: Deployment,
) -> None:
    topic = "contact.changed"
    gone = TopicPartition(idle.topic(topic), 1)
    first = await publish(idle, topic, ("1", HOUR_S), ("1", HOUR_S), partition=1)
    await save_checkpoint(idle, "tickets", topic, 1, first + 1)
    await save_checkpoint(idle, "messages", topic, 1, first + 99)
    assert Code.CHECKPOINT_BEHIND_LOG not in await find_codes(idle, topic)
    admin = AIOKafkaAdminClient(**clients.build_client_arguments(idle.settings.kafka))
    await admin.start()
    await admin.delete_records({gone: RecordsToDelete(first + 2)})
    await admin.close()
    assert await find_codes(idle, topic) == {
        Code.CHECKPOINT_BEHIND_LOG: "tickets",
        Code.CHECKPOINT_BEYOND_LOG: "messages",
    }


@on_the_loop
@pytest.mark.parametrize("silent", ["Kafka", "Postgres"])
async def test_only_the_server_that_is_silent_is_named(idle: Deployment, silent: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # it accepts, and never answers
        address = f"127.0.0.1:{server.getsockname()[1]}"
        variables = {
            "Kafka": {"KAFKA_BOOTSTRAP_SERVERS": address},
            "Postgres": {"DATABASE_URL": f"postgresql://chatia:x@{address}/chatia"},
        }[silent]
        run = await run_chatia(idle, "status", **variables)
    assert run.code == 3
    named = re.findall(r"^  (\w+) gives no figures: no answer in time\.$", run.answer, re.MULTILINE)
    assert named == [silent]
    assert ("purges under way: ?" in run.answer) == (silent == "Postgres")


@on_the_loop
async def test_prometheus_reads_the_same_figures(idle: Deployment) -> None:
    partition = TopicPartition("tickets.requests", 0)
    await publish(idle, partition.topic, ("1", HOUR_S), partition=partition.partition)
    port = free_port()
    exporter = Exporter(lambda: read_status(idle.settings))
    async with serve_http(exporter, port, "--port"):
        samples = await asyncio.to_thread(scrape, port)
    stage = '{service="tickets",topic="tickets.requests"}'
    assert samples[f"chatia_backlog_records{stage}"] == 1
    assert samples[f"chatia_lateness_seconds{stage}"] == near(HOUR_S)
    assert samples['chatia_server_up{server="postgres"}'] == 1
