"""Delays of other companies while one is deleted: `python -m tests.benchmarks.purging`.

Twenty companies send at a steady rate; a twenty-first, which says nothing, has so many messages
from before and is deleted meanwhile. A delay is the time from Kafka's acknowledgement of a
gateway's event to its fact on `message.stored`. With `--kill` all four workers are killed in the
middle of a purge of its own, and started again.
"""

import argparse
import asyncio
import json
import os
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.cli.publishing import publish
from shared.cli.records import Record
from shared.contracts.record_request import TicketsRecordDelete
from shared.embedded.servers import Servers
from shared.settings import Settings
from tests.benchmarks import stage
from tests.benchmarks.load import Load, Sender

OTHERS = [Sender(company_id, 5.0, 40) for company_id in range(1, 21)]
GONE, GONE_TOO = 21, 22
WARM_UP_S = 3.0
DRAINED_S = 300.0
LOOK_S = 0.1
TICKETS = 1_000
Result = dict[str, float]

CONTACTS = text("""
INSERT INTO "Contacts" ("companyId", name, number)
SELECT :company, 'Cliente ' || n, CAST(5511900000000 + n AS text)
FROM generate_series(1, :tickets) AS n
""")
CONVERSATIONS = text("""
INSERT INTO "Tickets" ("companyId", "whatsappId", "contactId", status)
SELECT :company, :company, id, 'open' FROM "Contacts" WHERE "companyId" = :company
""")
MESSAGES = text("""
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", "contactId", wid, body)
SELECT :company, :company, t.id, t."contactId", 'old-' || n, repeat('Bom dia! ', 12)
FROM generate_series(1, :messages) AS n
JOIN (SELECT id, "contactId", row_number() OVER (ORDER BY id) - 1 AS place
      FROM "Tickets" WHERE "companyId" = :company) AS t ON t.place = n % :tickets
""")
LEFT = text("""
SELECT (SELECT count(*) FROM "Purges" WHERE "finishedAt" IS NULL) AS under_way,
       (SELECT count(*) FROM "Messages" WHERE "companyId" = :company) AS messages
""")


@dataclass(frozen=True, slots=True)
class Bench:
    """Servers, load and settings of a measurement."""

    settings: Settings
    engine: AsyncEngine
    load: Load

    async def fill(self, company: int, messages: int) -> None:
        """Insert messages of a company."""
        given = {"company": company, "tickets": min(TICKETS, messages), "messages": messages}
        async with self.engine.begin() as conn:
            for sql in (CONTACTS, CONVERSATIONS, MESSAGES):
                named = {name: given[name] for name in sql.compile().params}
                await conn.execute(sql, named)
        await stage.analyze(self.settings)

    async def delete(self, company: int) -> None:
        """Publish the request to delete a company."""
        request = TicketsRecordDelete(
            company_id=0, request_id=f"delete-{company}", table="Companies", rows=({"id": company},)
        )
        record = Record(
            key=request.key.encode(),
            value=request.model_dump_json(by_alias=True).encode(),
            headers=(("ce_type", request.ce_type().encode()),),
        )
        topic = f"{self.settings.namespace}.{request.topic}"
        await publish(self.settings.kafka, topic, [record], lambda _: None)

    async def until_gone(self, company: int, share_left: float = 0.0, of: int = 0) -> float:
        """Wait until this share of messages is left (0: the purge has ended); return seconds."""
        began = time.monotonic()
        while True:
            async with self.engine.connect() as conn:
                row = (await conn.execute(LEFT, {"company": company})).one()
            is_over = not row.messages and not row.under_way
            if is_over or (share_left and row.messages <= share_left * of):
                return time.monotonic() - began
            await asyncio.sleep(LOOK_S)

    async def others(self, seconds: float, senders: Sequence[Sender] = OTHERS) -> Result:
        """Send messages of the other companies; return the percentiles of their delays."""
        began = time.monotonic()
        await self.load.run(senders, WARM_UP_S + seconds)
        ended = time.monotonic()
        await self.load.settled(DRAINED_S)
        delays = self.load.watched.delays_ms(
            (other.company_id for other in senders), began + WARM_UP_S, ended
        )
        cuts = quantiles(delays, n=100)
        return {"p50": cuts[49], "p95": cuts[94], "max": max(delays), "messages": len(delays)}


async def compare(arguments: argparse.Namespace, running: Servers, settings: Settings) -> None:
    """Measure the others alone, then during a purge, and, if asked, with killed workers."""
    await stage.prepare(running, settings, GONE_TOO)
    async with AsyncExitStack() as stack:
        engine = create_async_engine(settings.database.url, poolclass=NullPool)
        stack.push_async_callback(engine.dispose)
        load = await stack.enter_async_context(stage.load(settings))
        bench = Bench(settings, engine, load)
        await bench.fill(GONE, arguments.messages)
        async with stage.workers(running, {}):
            await load.run(OTHERS, WARM_UP_S)
            await load.settled(DRAINED_S)
            alone = await bench.others(arguments.seconds)
            show("alone", alone)
            purged, took_s = await _while_it_goes(bench, arguments.seconds)
            show("while it goes", {**purged, "purge_s": took_s})
        typer.echo(f"p95 x {purged['p95'] / alone['p95']:.2f}")
        if arguments.kill:
            await _killed(bench, running, arguments.messages)


async def _while_it_goes(bench: Bench, seconds: float) -> tuple[Result, float]:
    async with asyncio.TaskGroup() as group:
        measured = group.create_task(bench.others(seconds))
        await asyncio.sleep(WARM_UP_S)
        await bench.delete(GONE)
        await asyncio.sleep(LOOK_S)
        took = group.create_task(bench.until_gone(GONE))
    return measured.result(), took.result()


async def _killed(bench: Bench, running: Servers, messages: int) -> None:
    """Kill all workers when half is deleted, start others, and wait for the end."""
    await bench.fill(GONE_TOO, messages)
    processes = [stage.start(running, name, {}) for name in stage.SERVICES]
    await bench.delete(GONE_TOO)
    await bench.until_gone(GONE_TOO, 0.5, messages)
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes))
    async with stage.workers(running, {}):
        took_s = await bench.until_gone(GONE_TOO)
    show("killed in the middle", {"s_after_restart": took_s})


def show(name: str, found: Mapping[str, float]) -> None:
    """Print a result as a line of JSON."""
    typer.echo(json.dumps({"load": name, **{key: round(v, 1) for key, v in found.items()}}))


def main(words: Sequence[str] | None = None) -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kill", action="store_true", help="a second purge, killed in the middle")
    parser.add_argument("--state", type=Path, help="keep servers and logs here")
    arguments = parser.parse_args(words)
    with (
        tempfile.TemporaryDirectory(prefix="chatia-purging-") as folder,
        stage.servers(arguments.state or Path(folder)) as (running, settings),
    ):
        asyncio.run(compare(arguments, running, settings))


if __name__ == "__main__":
    main()
