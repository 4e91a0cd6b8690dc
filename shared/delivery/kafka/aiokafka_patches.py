"""Patches of aiokafka 0.14.0, each with its reason.

FastStream creates the clients itself, so subclasses cannot be passed to it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache
from weakref import WeakKeyDictionary

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import consumer, fetcher

from shared.delivery.kafka.fetching import (
    BoundedFetcher,
    BoundedFetchResult,
    BoundedPartitionRecords,
)
from shared.delivery.kafka.record_batches import RecordBatches

# Minimum seconds between two metadata requests, by whether the last one succeeded.
METADATA_PAUSE_S = {True: 0.1, False: 0.5}

MetadataUpdate = Callable[..., Awaitable[bool]]


@cache
def patch_aiokafka() -> None:
    """Apply the patches once per process, for all clients that are created later."""
    _bound_fetching()
    _pace_metadata_updates()


def _bound_fetching() -> None:
    """Bound the memory of fetching, and accept header names that are not UTF-8.

    We know no aiokafka issue about this. Behaviour of 0.14.0:
    - A poll is limited in records (`max_records`), not in bytes, and what is fetched for a
      partition is kept although other partitions are asked for (consumer/fetcher.py,
      `FetchResult.getall` and `Fetcher.fetched_records`).
    - A batch is decompressed completely, whatever its size (record/default_records.py,
      `_maybe_uncompress`): some kilobytes from a producer become gigabytes here.
    - A header's name is decoded as strict UTF-8 (record/default_records.py, `_read_msg`). Other
      names raise UnicodeDecodeError at every fetch, which blocks the partition.
    """
    vars(fetcher).update(
        MemoryRecords=RecordBatches,
        PartitionRecords=BoundedPartitionRecords,
        FetchResult=BoundedFetchResult,
    )
    vars(consumer).update(Fetcher=BoundedFetcher)


def _pace_metadata_updates() -> None:
    """Limit a client's metadata requests to a few per second.

    https://github.com/aio-libs/aiokafka/issues/1155 and, if no broker listens,
    https://github.com/aio-libs/aiokafka/issues/496 (fixed in 0.6.0, seen again since): while a
    partition has no leader, fetcher and sender request metadata in a loop without a pause,
    thousands of times a second.
    """
    name = "_metadata_update"
    setattr(AIOKafkaClient, name, _with_pauses(getattr(AIOKafkaClient, name)))


def _with_pauses(update: MetadataUpdate) -> MetadataUpdate:
    next_at: WeakKeyDictionary[AIOKafkaClient, float] = WeakKeyDictionary()

    async def wait_and_update(client: AIOKafkaClient, *arguments: object) -> bool:
        await asyncio.sleep(max(0.0, next_at.get(client, 0.0) - time.monotonic()))
        is_answered = False
        try:
            is_answered = await update(client, *arguments)
        finally:
            next_at[client] = time.monotonic() + METADATA_PAUSE_S[is_answered]
        return is_answered

    return wait_and_update
