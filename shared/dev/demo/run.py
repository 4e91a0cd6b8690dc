"""Runs the demo: insert rows, publish traffic, watch, verify."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from shared.delivery.kafka.clients import build_client_arguments
from shared.dev.demo import actual, database_setup, verification
from shared.dev.demo.companies import DemoRows, build_companies
from shared.dev.demo.comparison import ComparedDeadLetter, ComparedGatewaySend, Snapshot
from shared.dev.demo.metrics import MetricsReader, RunScope
from shared.dev.demo.offsets import PartitionOffsets, open_offset_reader
from shared.dev.demo.progress_table import Ending, Target, watch
from shared.dev.demo.publishing import RecordLocation, publish
from shared.dev.demo.records import EVOLUTION_SERVER, Topics
from shared.dev.demo.traffic import SampleTraffic, TrafficContext, generate_traffic
from shared.settings import Settings

TIME_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that the workers send to: its address, and the sends that it received."""

    address: str
    sent: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run whose rows are inserted and whose traffic is generated."""

    demo_rows: DemoRows
    topics: Topics
    traffic: SampleTraffic
    last_dead_letter_id: int
    sends_before: PartitionOffsets


async def run_demo(
    settings: Settings,
    *,
    messages: int,
    seed: int,
    console: Console,
    limit_s: float = TIME_LIMIT_S,
    gateway: Gateway | None = None,
) -> bool:
    """Run the demo on a running deployment; return whether every check passed.

    Every run inserts companies of its own, so it can be repeated on the same servers. With a
    gateway, every send must also reach it.
    """
    engine = create_engine(settings.database, "chatia-demo")
    try:
        run = await prepare_run(settings, engine, messages=messages, seed=seed, gateway=gateway)
        console.print(
            f"Publishing {len(run.traffic.records)} gateway events "
            f"and {len(run.traffic.jobs)} send jobs …"
        )
        kafka = build_client_arguments(settings.kafka)
        async with open_offset_reader(kafka) as offsets:
            metrics = MetricsReader(offsets, engine, run.topics, build_scope(run))
            locations, ending = await _publish_and_watch(
                publish(kafka, run.traffic.all_records),
                watch(metrics, build_target(run, limit_s), console),
            )
        if ending is not Ending.SETTLED:
            console.print(f"Stopped waiting: {ending.value}.")
        checks = await verify_run(kafka, engine, run, locations, gateway)
        verification.print_checks(console, checks)
        console.print(_describe_dead_letters(run.traffic), soft_wrap=True)
        return verification.have_passed(checks)
    finally:
        await engine.dispose()


async def prepare_run(
    settings: Settings,
    engine: AsyncEngine,
    *,
    messages: int,
    seed: int,
    now: datetime | None = None,
    gateway: Gateway | None = None,
) -> PreparedRun:
    """Insert the companies, lines and campaigns of a run, and generate its traffic."""
    at = now or datetime.now(UTC)
    server = gateway.address if gateway else EVOLUTION_SERVER
    topics = Topics(settings.namespace, settings.evolution_prefix, server)
    companies = build_companies(f"{int(at.timestamp() * 1000):x}")
    async with engine.begin() as conn:
        demo_rows = await database_setup.insert_demo_rows(conn, companies, at, server)
        last_dead_letter_id = await actual.load_last_dead_letter_id(conn)
    async with open_offset_reader(build_client_arguments(settings.kafka)) as offsets:
        sends_before = await offsets.load_end_offsets([topics.get_own("message.send")])
    random = Random(seed)  # noqa: S311 - sample traffic, the same for the same seed
    traffic = generate_traffic(TrafficContext(random, demo_rows, topics, at), companies, messages)
    if gateway:
        gateway_sends = [
            ComparedGatewaySend(send.number, send.body) for send in traffic.expected.sends
        ]
        traffic = replace(traffic, expected=replace(traffic.expected, gateway_sends=gateway_sends))
    return PreparedRun(demo_rows, topics, traffic, last_dead_letter_id, sends_before)


async def verify_run(
    kafka: dict[str, Any],
    engine: AsyncEngine,
    run: PreparedRun,
    locations: Sequence[RecordLocation],
    gateway: Gateway | None = None,
) -> list[verification.Check]:
    """Compare the expected with the actual rows, sends and dead letters."""
    company_ids = run.demo_rows.company_ids
    async with engine.connect() as conn:
        rows = await actual.load_snapshot(conn, company_ids)
        dead_letters = await actual.load_dead_letters(
            conn, run.last_dead_letter_id, set(company_ids), set(locations)
        )
    async with open_offset_reader(kafka) as offsets:
        records = await actual.read_records_since(
            offsets, run.topics.get_own("message.send"), run.sends_before
        )
    sends = actual.parse_sends(records, company_ids)
    found = replace(
        rows,
        dead_letters=dead_letters,
        sends=sends.sends,
        gateway_sends=_list_gateway_sends(gateway),
        due_at=sends.due_at,
        published_at=sends.published_at,
    )
    interval = timedelta(milliseconds=database_setup.SEND_INTERVAL_MS)
    return verification.compare_snapshots(
        _add_dead_letters(run.traffic, locations), found, interval
    )


def _list_gateway_sends(gateway: Gateway | None) -> list[ComparedGatewaySend]:
    if gateway is None:
        return []
    return [ComparedGatewaySend(send["to"], send["text"]) for send in gateway.sent]


def _add_dead_letters(traffic: SampleTraffic, locations: Sequence[RecordLocation]) -> Snapshot:
    published = zip(traffic.all_records, locations, strict=True)
    dead_letters = [
        ComparedDeadLetter(*location, record.dead_reason)
        for record, location in published
        if record.dead_reason
    ]
    return replace(traffic.expected, dead_letters=dead_letters)


def _describe_dead_letters(traffic: SampleTraffic) -> str:
    count = _count_dead_letters(traffic)
    return f"{count} dead letters were meant: these records of the traffic cannot be applied."


def _count_dead_letters(traffic: SampleTraffic) -> int:
    return sum(record.dead_reason is not None for record in traffic.all_records)


def build_scope(run: PreparedRun) -> RunScope:
    """Build the scope of the run's metrics."""
    return RunScope(run.demo_rows.company_ids, run.last_dead_letter_id)


def build_target(run: PreparedRun, limit_s: float) -> Target:
    """Build the target: the rows and sends to wait for."""
    expected = run.traffic.expected
    return Target(
        rows={
            "contacts": len(expected.contacts),
            "messages": len(expected.messages),
            "shippings": len(expected.shippings),
            "sent": len(expected.gateway_sends),
            "dead letters": _count_dead_letters(run.traffic),
        },
        published_sends=sum(run.sends_before.values()) + len(expected.sends),
        limit_s=limit_s,
    )


async def _publish_and_watch(
    publishing: Coroutine[Any, Any, list[RecordLocation]], watching: Coroutine[Any, Any, Ending]
) -> tuple[list[RecordLocation], Ending]:
    """Publish and watch concurrently; when one fails, cancel the other and raise its error."""
    try:
        async with asyncio.TaskGroup() as group:
            locations, ending = group.create_task(publishing), group.create_task(watching)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return locations.result(), ending.result()
