"""Ranges of deferred records in a partition: per tenant, the first and the last offset.

Pure functions: no clock, no Kafka, no database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.delivery.dead_letters.replay import REPLAY_FOR
from shared.delivery.kafka.record import Record

LONGEST_TENANT_KEY = 64  # characters


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The offsets of a tenant's first and last deferred record in a partition."""

    first: int
    last: int


DeferredRanges = dict[str, OffsetRange]  # by tenant key


def read_tenant_key(record: Record) -> str:
    """Return the first part of a record's key: a company id, or an Evolution instance.

    Records with the same key have the same tenant key, so their order is kept. Empty if a key
    names no tenant.
    """
    tenant_key = (record.key or b"").partition(b":")[0].decode("ascii", "replace")
    is_usable = tenant_key.isprintable() and len(tenant_key) <= LONGEST_TENANT_KEY
    return tenant_key if is_usable else ""


def is_deferred(record: Record, ranges: DeferredRanges) -> bool:
    """Return whether a record is in its tenant's range; a replayed dead letter never is."""
    deferred = ranges.get(read_tenant_key(record)) if ranges else None
    return (
        deferred is not None
        and deferred.first <= record.offset <= deferred.last
        and not _is_replay(record)
    )


def extend_ranges(
    records: Sequence[Record], ranges: DeferredRanges, noisy: frozenset[str]
) -> DeferredRanges:
    """Return a partition's ranges after new records; a noisy tenant's first record opens a range.

    A tenant with a range stays deferred, so that its records keep their order.
    """
    if not ranges and not noisy:
        return ranges
    extended = dict(ranges)
    for record in records:
        tenant_key = read_tenant_key(record)
        if (tenant_key in extended or tenant_key in noisy) and not _is_replay(record):
            before = extended.get(tenant_key) or OffsetRange(record.offset, record.offset)
            extended[tenant_key] = replace(before, last=record.offset)
    return extended


def load_ranges(stored: Mapping[str, Sequence[int]]) -> DeferredRanges:
    """Build ranges from a checkpoint's column `aside`."""
    return {tenant_key: OffsetRange(first, last) for tenant_key, (first, last) in stored.items()}


def dump_ranges(ranges: DeferredRanges) -> dict[str, list[int]]:
    """Build a checkpoint's column `aside` from ranges."""
    return {tenant_key: [deferred.first, deferred.last] for tenant_key, deferred in ranges.items()}


def _is_replay(record: Record) -> bool:
    return any(name == REPLAY_FOR for name, _ in record.headers)
