"""Memory of a worker with a backlog: `python -m tests.benchmarks.memory`.

Messages with long bodies wait on `message.received`; a contacts worker catches up on them once with
each setting of CHATIA_BYTES_IN_FLIGHT, and the most memory that it ever held is shown.
"""

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import typer
from aiokafka import AIOKafkaProducer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.delivery.kafka import clients
from shared.embedded.processes import Guarded
from shared.embedded.servers import Servers
from shared.settings import Settings
from tests.benchmarks import stage
from tests.support.build import received

MIB = 2**20
IN_FLIGHT = (8, 64, 256)  # MiB
BODY = "Bom dia! " * 5_000  # 45 kB
START_S, CATCH_UP_S = 60.0, 300.0

BEHIND = text("""
SELECT :sent - COALESCE(sum("nextOffset"), 0) FROM "Checkpoints"
WHERE service = 'contacts' AND topic = :topic
""")
ANEW = text("""TRUNCATE "Checkpoints" """)


@dataclass(frozen=True, slots=True)
class Peak:
    """Peak memory of a worker, idle and at work, and the seconds of work."""

    idle_mib: float
    most_mib: float
    seconds: float


async def publish(settings: Settings, messages: int) -> int:
    """Publish so many messages and return their bytes."""
    topic = f"{settings.namespace}.message.received"
    producer = AIOKafkaProducer(**clients.build_client_arguments(settings.kafka), linger_ms=20)
    await producer.start()
    try:
        size = 0
        for number in range(messages):
            chat = f"5511{number % 500:09}"
            event = received(
                f"B{number}", company_id=1, whatsapp_id=1, chat=chat, jid=f"{chat}@c.us", body=BODY
            )
            value = event.model_dump_json(by_alias=True).encode()
            await producer.send(topic, value=value, key=event.key.encode())
            size += len(value)
        await producer.flush()
    finally:
        await producer.stop()
    return size


async def behind(settings: Settings, sent: int) -> int:
    """Count the records that the contacts service has not handled."""
    engine = create_async_engine(settings.database.url, poolclass=NullPool)
    try:
        async with engine.connect() as conn:
            given = {"sent": sent, "topic": f"{settings.namespace}.message.received"}
            return int((await conn.execute(BEHIND, given)).scalar_one())
    finally:
        await engine.dispose()


async def anew(settings: Settings) -> None:
    """Reset checkpoints, so that the next worker begins with the first message."""
    engine = create_async_engine(settings.database.url, poolclass=NullPool)
    async with engine.begin() as conn:
        await conn.execute(ANEW)
    await engine.dispose()


async def measure(running: Servers, settings: Settings, sent: int, in_flight: int) -> Peak:
    """Measure a worker that catches up with so many MiB in flight."""
    await anew(settings)
    environment = {"CHATIA_BYTES_IN_FLIGHT": str(in_flight * MIB), "CHATIA_NOISY_TIMES": "0"}
    worker = stage.start(running, "contacts", environment)
    try:
        idle = 0.0
        async with asyncio.timeout(START_S):
            while await behind(settings, sent) == sent:
                idle = max(idle, _most_mib(worker))
                await asyncio.sleep(0.05)
        began = time.monotonic()
        async with asyncio.timeout(CATCH_UP_S):
            while await behind(settings, sent):  # noqa: ASYNC110 - a worker tells nobody
                await asyncio.sleep(0.2)
        return Peak(idle, _most_mib(worker), time.monotonic() - began)
    finally:
        await asyncio.to_thread(worker.stop)


def _most_mib(worker: Guarded) -> float:
    status = Path(f"/proc/{worker.pid}/status").read_text("ascii")
    found = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(found[0].split()[1]) / 1024 if found else 0.0


async def compare(running: Servers, settings: Settings, messages: int) -> None:
    """Publish, then measure each setting."""
    await stage.prepare(running, settings, 1)
    size = await publish(settings, messages)
    typer.echo(f"{messages:,} messages, {size / MIB:,.0f} MiB, wait.")
    typer.echo("| MiB in flight | MiB before the first batch | MiB at most | seconds |")
    typer.echo("|---:|---:|---:|---:|")
    for in_flight in IN_FLIGHT:
        peak = await measure(running, settings, messages, in_flight)
        typer.echo(
            f"| {in_flight} | {peak.idle_mib:.0f} | {peak.most_mib:.0f} | {peak.seconds:.0f} |"
        )


def main() -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="chatia-memory-") as folder,
        stage.servers(Path(folder)) as (running, settings),
    ):
        asyncio.run(compare(running, settings, arguments.messages))


if __name__ == "__main__":
    main()
