"""What Kafka shows of the time after the restored point."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.delivery.checkpoints.restored import Committed
from shared.delivery.kafka import clients
from shared.delivery.kafka.member_checks import load_committed, load_members
from shared.recovery.statements import LostSend
from shared.schema import SERVICES
from shared.settings import KafkaSettings

READ_MS = 1_000
SILENT_READS = 30  # empty reads in a row after which a log is given up


async def load_all_committed(settings: KafkaSettings, namespace: str) -> Committed:
    """Return the committed offsets of the groups of all services."""
    arguments = clients.build_client_arguments(settings)
    return {
        service: await load_committed(arguments, f"{namespace}.{service}") for service in SERVICES
    }


async def find_running(settings: KafkaSettings, namespace: str) -> list[str]:
    """Return the services whose groups have members."""
    arguments = clients.build_client_arguments(settings)
    found = {
        service: await load_members(arguments, f"{namespace}.{service}") for service in SERVICES
    }
    return [service for service, members in found.items() if members]


@asynccontextmanager
async def open_reader(settings: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """Open a consumer without a group."""
    reader = AIOKafkaConsumer(
        **clients.build_client_arguments(settings),
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    try:
        await reader.start()
        yield reader
    finally:
        await reader.stop()


async def read_lost_sends(
    reader: AIOKafkaConsumer, starts: Mapping[TopicPartition, int]
) -> set[LostSend]:
    """Read `message.send` from these offsets to the ends of its logs; return the ids.

    Raises TimeoutError if Kafka gives no records for half a minute.
    """
    if not starts:
        return set()
    reader.assign(list(starts))
    ends = await reader.end_offsets(starts)
    begins = await reader.beginning_offsets(starts)
    for partition, start in starts.items():
        reader.seek(partition, max(start, begins[partition]))
    found: set[LostSend] = set()
    silent = 0
    while left := [p for p in starts if await reader.position(p) < ends[p]]:
        batches = await reader.getmany(*left, timeout_ms=READ_MS)
        for records in batches.values():
            found.update(_read_ids(record.value for record in records))
        silent = 0 if batches else silent + 1
        if silent > SILENT_READS:
            raise TimeoutError
        await asyncio.sleep(0)
    return found


def _read_ids(values: Iterable[bytes | None]) -> Iterable[LostSend]:
    for value in values:
        try:
            content = json.loads(value or b"")
            yield LostSend(int(content["companyId"]), str(content["sendId"]))
        except (ValueError, KeyError, TypeError):
            continue  # no worker sends what it cannot read
