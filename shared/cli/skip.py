"""`chatia skip`: makes one record a dead letter, so that its partition continues."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from shared.cli import dead_letter_store, output, reset
from shared.cli.dead_letter_options import MAX_INT, ActionOptions
from shared.cli.dead_letter_store import MAX_BIGINT
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.cli.options import expand_option_groups
from shared.cli.worker import Service
from shared.db.bulk import statement
from shared.delivery.batch.poison import SKIPPED
from shared.delivery.checkpoints import store as checkpoints
from shared.delivery.checkpoints.store import Checkpoint
from shared.delivery.dead_letters import store as dead_letters
from shared.delivery.dead_letters.store import build_dead_letter, read_trusted_company
from shared.delivery.fairness.deferred_ranges import is_deferred, load_ranges
from shared.delivery.fairness.selection import BULK
from shared.delivery.kafka.record import Record
from shared.settings import Settings

READ_MS = 10_000

ADD_HISTORY = statement("""
UPDATE "DeadLetters"
SET history = history || jsonb_build_object('did', 'skipped', 'by', CAST(:by AS text), 'at', now(),
                                            'reason', CAST(:reason AS text))
WHERE service = :service AND topic = :topic AND partition = :partition AND epoch = :epoch
  AND "offset" = :offset AND reason = :skipped AND history = '[]'
RETURNING id
""")


@dataclass(frozen=True, slots=True)
class RecordLocation:
    """A record, and the service that is to skip it."""

    service: str
    topic: str
    partition: int
    offset: int

    @override
    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} offset {self.offset:,}"


@expand_option_groups
def skip_command(  # noqa: PLR0913 - four arguments name the record
    service: Annotated[Service, typer.Argument(help="The service that skips the record.")],
    topic: Annotated[str, typer.Argument(help="With or without the namespace.")],
    partition: Annotated[int, typer.Argument(min=0, max=MAX_INT)],
    offset: Annotated[int, typer.Argument(min=0, max=MAX_BIGINT)],
    *,
    reason: Annotated[str, typer.Option(help="The reason; stored in the dead letter.")],
    action: ActionOptions,
    as_json: output.JsonOption = False,
) -> None:
    """Make one record a dead letter, so that a service skips it without trying it.

    For a record that blocks a partition and does not become a dead letter by itself. All other
    services still read the record. The dead letter can be replayed like any other.
    """
    if not reason.strip():
        raise InvalidUsageError("--reason has to say why.")
    settings = Settings()
    location = RecordLocation(service, _complete_topic_name(settings, topic), partition, offset)
    dead_letter_id = asyncio.run(_skip(settings, location, reason, action))
    if as_json:
        output.print_json({"letter": dead_letter_id, "dryRun": action.dry_run})
    elif dead_letter_id is None:
        output.print_line(f"Would be skipped by {service}: {location}.")
    else:
        output.print_line(f"Skipped by {service}: {location}; it is dead letter {dead_letter_id}.")


def _complete_topic_name(settings: Settings, topic: str) -> str:
    evolution = f"{settings.evolution_prefix}."
    is_complete = topic.startswith((f"{settings.namespace}.", evolution))
    return topic if is_complete else f"{settings.namespace}.{topic}"


async def _skip(
    settings: Settings, location: RecordLocation, reason: str, action: ActionOptions
) -> int | None:
    record = await _read_record(settings, location)
    async with dead_letter_store.open_transaction(settings.database) as conn:
        checkpoint = await _lock_checkpoint(conn, location, record)
        if action.dry_run:
            return None
        company_id = (
            read_trusted_company(record)
            if location.topic.startswith(f"{settings.namespace}.")
            else None
        )
        dead_letter = build_dead_letter(record, SKIPPED.reason, reason, company_id=company_id)
        await dead_letters.save(
            conn, location.service, [dead_letter], {checkpoint.topic_partition: checkpoint.epoch}
        )
        rows = await conn.execute(
            ADD_HISTORY,
            _build_parameters(location, checkpoint) | {"by": action.operator, "reason": reason},
        )
        dead_letter_id: int | None = rows.scalar_one_or_none()
    if dead_letter_id is None:
        raise RefusedError(f"{location} is a dead letter of {location.service} already.")
    return dead_letter_id


def _build_parameters(location: RecordLocation, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "service": location.service,
        "topic": location.topic,
        "partition": location.partition,
        "epoch": checkpoint.epoch,
        "offset": location.offset,
        "skipped": SKIPPED.reason,
    }


async def _lock_checkpoint(
    conn: AsyncConnection, location: RecordLocation, record: Record
) -> Checkpoint:
    """Lock the checkpoint of a record that is not consumed yet; no batch with it can then run."""
    partition = TopicPartition(location.topic, location.partition)
    checkpoint = (await checkpoints.lock(conn, location.service, [partition])).get(partition)
    if checkpoint is None:
        raise InvalidUsageError(
            f"{location.service} has never read {location.topic}/{location.partition}."
        )
    if record.offset >= checkpoint.next_offset:
        return checkpoint
    deferred = (await checkpoints.lock(conn, location.service + BULK, [partition])).get(partition)
    is_waiting = (
        deferred is None
        or deferred.epoch < checkpoint.epoch
        or deferred.next_offset <= record.offset
    )
    if is_deferred(record, load_ranges(checkpoint.deferred)) and is_waiting:
        return checkpoint
    raise RefusedError(
        f"{location.service} is past {location} already: "
        f"it goes on from {checkpoint.next_offset:,}; "
        "`chatia dead-letters list` shows what could not take effect."
    )


async def _read_record(settings: Settings, location: RecordLocation) -> Record:
    partition = TopicPartition(location.topic, location.partition)
    if partition not in await reset.load_partitions(settings.kafka, location.topic):
        raise InvalidUsageError(f"{location.topic} has no partition {location.partition}.")
    async with reset.open_reader(settings.kafka) as reader:
        reader.assign([partition])
        start = (await reader.beginning_offsets([partition]))[partition]
        end = (await reader.end_offsets([partition]))[partition]
        if not start <= location.offset < end:
            raise InvalidUsageError(
                f"{location.topic}/{location.partition} has records from {start:,} "
                f"to before {end:,}, and none at {location.offset:,}."
            )
        reader.seek(partition, location.offset)
        records = await reader.getmany(partition, timeout_ms=READ_MS, max_records=1)
    record: Record | None = next(iter(records.get(partition, ())), None)
    if record is None or record.offset != location.offset:
        raise InvalidUsageError(f"There is no record at {location}: the log has a gap there.")
    return record
