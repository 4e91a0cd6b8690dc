"""The demonstration, from an empty stage to the verdict: prepare, publish, watch, check."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from shared.demo import cast as casting
from shared.demo import check, found, setting
from shared.demo.cast import Stage
from shared.demo.facts import Facts, LetterFact, TakenFact
from shared.demo.gauges import Gauges, Run
from shared.demo.offsets import Ends, open_offsets
from shared.demo.publish import Place, publish
from shared.demo.records import EVOLUTION_SERVER, Topics
from shared.demo.script import Script, Writer, write
from shared.demo.watch import Ending, Wait, watch
from shared.kafka import connection
from shared.settings import Settings

TIME_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that the workers ask to send: its address, and what it was asked for."""

    address: str
    sent: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that is ready to be published: its rows stand, its script is written."""

    stage: Stage
    topics: Topics
    script: Script
    letters_before: int
    sends_before: Ends


async def demo(
    settings: Settings,
    *,
    messages: int,
    seed: int,
    console: Console,
    limit_s: float = TIME_LIMIT_S,
    gateway: Gateway | None = None,
) -> bool:
    """Play the sample traffic on a running deployment; true when all came out as it must.

    Every run makes companies of its own, so it can be repeated on the same servers. With a gateway
    it is also waited for, and checked, that the workers ask it for every send.
    """
    engine = create_engine(settings.database, "chatia-demo")
    try:
        run = await prepare(settings, engine, messages=messages, seed=seed, gateway=gateway)
        console.print(
            f"Publishing {len(run.script.records)} gateway events "
            f"and {len(run.script.jobs)} send jobs …"
        )
        kafka = connection(settings.kafka)
        async with open_offsets(kafka) as offsets:
            gauges = Gauges(offsets, engine, run.topics, rows_of(run))
            places, ending = await _both(
                publish(kafka, run.script.all), watch(gauges, wait_for(run, limit_s), console)
            )
        if ending is not Ending.SETTLED:
            console.print(f"Stopped waiting: {ending.value}.")
        checks = await verify(kafka, engine, run, places, gateway)
        check.show(console, checks)
        return check.all_hold(checks)
    finally:
        await engine.dispose()


async def prepare(
    settings: Settings,
    engine: AsyncEngine,
    *,
    messages: int,
    seed: int,
    now: datetime | None = None,
    gateway: Gateway | None = None,
) -> Prepared:
    """Insert this run's companies, lines and campaigns, and write its script for them."""
    at = now or datetime.now(UTC)
    server = gateway.address if gateway else EVOLUTION_SERVER
    topics = Topics(settings.namespace, settings.evolution_prefix, server)
    cast = casting.companies(f"{int(at.timestamp() * 1000):x}")
    async with engine.begin() as conn:
        stage = await setting.build(conn, cast, at, server)
        letters_before = await found.last_letter(conn)
    async with open_offsets(connection(settings.kafka)) as offsets:
        sends_before = await offsets.ends([topics.own("message.send")])
    random = Random(seed)  # noqa: S311 - sample traffic, the same for the same seed
    script = write(Writer(random, stage, topics, at), cast, messages)
    if gateway:
        taken = [TakenFact(send.number, send.body) for send in script.expected.sends]
        script = replace(script, expected=replace(script.expected, taken=taken))
    return Prepared(stage, topics, script, letters_before, sends_before)


async def verify(
    kafka: dict[str, Any],
    engine: AsyncEngine,
    run: Prepared,
    places: Sequence[Place],
    gateway: Gateway | None = None,
) -> list[check.Check]:
    """Compare what was published with what stands now."""
    company_ids = run.stage.company_ids
    async with engine.connect() as conn:
        rows = await found.rows(conn, company_ids)
        letters = await found.letters(conn, run.letters_before, set(company_ids), set(places))
    async with open_offsets(kafka) as offsets:
        records = await found.read_since(offsets, run.topics.own("message.send"), run.sends_before)
    sends = found.sends(records, company_ids)
    there = replace(
        rows,
        letters=letters,
        sends=sends.sends,
        taken=[TakenFact(asked["to"], asked["text"]) for asked in gateway.sent] if gateway else [],
        planned_at=sends.planned_at,
        told_at=sends.told_at,
    )
    interval = timedelta(milliseconds=setting.SEND_INTERVAL_MS)
    return check.compare(_with_letters(run.script, places), there, interval)


def _with_letters(script: Script, places: Sequence[Place]) -> Facts:
    published = zip(script.all, places, strict=True)
    letters = [LetterFact(*place, record.dead) for record, place in published if record.dead]
    return replace(script.expected, letters=letters)


def rows_of(run: Prepared) -> Run:
    """Tell the gauges which rows are this run's."""
    return Run(run.stage.company_ids, run.letters_before)


def wait_for(run: Prepared, limit_s: float) -> Wait:
    """Say what must have come before the run counts as settled."""
    expected = run.script.expected
    return Wait(
        rows={
            "contacts": len(expected.contacts),
            "messages": len(expected.messages),
            "shippings": len(expected.shippings),
            "sent": len(expected.taken),
            "dead letters": sum(record.dead is not None for record in run.script.all),
        },
        told_sends=sum(run.sends_before.values()) + len(expected.sends),
        limit_s=limit_s,
    )


async def _both(
    publishing: Coroutine[Any, Any, list[Place]], watching: Coroutine[Any, Any, Ending]
) -> tuple[list[Place], Ending]:
    """Publish and watch at once; where one fails the other is stopped, and the reason raised."""
    try:
        async with asyncio.TaskGroup() as group:
            places, ending = group.create_task(publishing), group.create_task(watching)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return places.result(), ending.result()
