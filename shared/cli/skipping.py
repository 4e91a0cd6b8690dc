"""`chatia skip`: one record put into the dead letters by hand, so that its partition goes on."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from shared.cli import letters, output, resets
from shared.cli.errors import Refused, WrongUsage
from shared.cli.letter_options import LARGEST_ID, LARGEST_NUMBER, Act
from shared.cli.options import grouped
from shared.cli.worker import Service
from shared.db.bulk import statement
from shared.delivery import checkpoints, dead_letters
from shared.delivery.checkpoints import Checkpoint
from shared.delivery.dead_letters import claimed_company, dead_letter
from shared.delivery.decode import Record
from shared.delivery.fetching import bound_memory
from shared.delivery.lanes import BULK
from shared.delivery.noise import is_aside, read
from shared.delivery.poison import SKIPPED
from shared.settings import Settings

READ_MS = 10_000

NOTE = statement("""
UPDATE "DeadLetters"
SET history = history || jsonb_build_object('did', 'skipped', 'by', CAST(:by AS text), 'at', now(),
                                            'reason', CAST(:reason AS text))
WHERE service = :service AND topic = :topic AND partition = :partition AND epoch = :epoch
  AND "offset" = :offset AND reason = :skipped AND history = '[]'
RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Place:
    """Which record, of which service."""

    service: str
    topic: str
    partition: int
    offset: int

    @override
    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} offset {self.offset:,}"


@grouped
def skip_command(  # noqa: PLR0913 - a record has four names
    service: Annotated[Service, typer.Argument(help="Who is to go past the record.")],
    topic: Annotated[str, typer.Argument(help="With or without the namespace.")],
    partition: Annotated[int, typer.Argument(min=0, max=LARGEST_NUMBER)],
    offset: Annotated[int, typer.Argument(min=0, max=LARGEST_ID)],
    *,
    reason: Annotated[str, typer.Option(help="Why, for who looks at the letter later.")],
    act: Act,
    as_json: output.JsonOption = False,
) -> None:
    """Put one record into the dead letters, so that a service goes past it without trying it.

    For a record that keeps a partition from going on, and that does not end as a dead letter by
    itself. Every other service reads it as before. The letter can be replayed like any other.
    """
    if not reason.strip():
        raise WrongUsage("--reason has to say why.")
    settings = Settings()
    place = Place(service, _full(settings, topic), partition, offset)
    letter_id = asyncio.run(_skipped(settings, place, reason, act))
    if as_json:
        output.say_json({"letter": letter_id, "dryRun": act.dry_run})
    elif letter_id is None:
        output.say(f"Would be skipped by {service}: {place}.")
    else:
        output.say(f"Skipped by {service}: {place}; it is dead letter {letter_id}.")


def _full(settings: Settings, topic: str) -> str:
    others = f"{settings.evolution_prefix}."
    has_all = topic.startswith((f"{settings.namespace}.", others))
    return topic if has_all else f"{settings.namespace}.{topic}"


async def _skipped(settings: Settings, place: Place, reason: str, act: Act) -> int | None:
    record = await _read(settings, place)
    async with letters.transaction(settings.database) as conn:
        row = await _standing(conn, place, record)
        if act.dry_run:
            return None
        company_id = (
            claimed_company(record) if place.topic.startswith(f"{settings.namespace}.") else None
        )
        letter = dead_letter(record, SKIPPED.reason, reason, company_id=company_id)
        await dead_letters.save(conn, place.service, [letter], {row.place: row.epoch})
        noted = await conn.execute(NOTE, _named(place, row) | {"by": act.who, "reason": reason})
        letter_id: int | None = noted.scalar_one_or_none()
    if letter_id is None:
        raise Refused(f"{place} is a dead letter of {place.service} already.")
    return letter_id


def _named(place: Place, row: Checkpoint) -> dict[str, Any]:
    return {
        "service": place.service,
        "topic": place.topic,
        "partition": place.partition,
        "epoch": row.epoch,
        "offset": place.offset,
        "skipped": SKIPPED.reason,
    }


async def _standing(conn: AsyncConnection, place: Place, record: Record) -> Checkpoint:
    """Lock the checkpoint that is still to pass a record, so that no batch with it is under way."""
    at = TopicPartition(place.topic, place.partition)
    row = (await checkpoints.lock(conn, place.service, [at])).get(at)
    if row is None:
        raise WrongUsage(f"{place.service} has never read {place.topic}/{place.partition}.")
    if record.offset >= row.next_offset:
        return row
    bulk = (await checkpoints.lock(conn, place.service + BULK, [at])).get(at)
    is_waiting = bulk is None or bulk.epoch < row.epoch or bulk.next_offset <= record.offset
    if is_aside(record, read(row.aside)) and is_waiting:
        return row
    raise Refused(
        f"{place.service} is past {place} already: it goes on from {row.next_offset:,}; "
        "`chatia dead-letters list` shows what could not take effect."
    )


async def _read(settings: Settings, place: Place) -> Record:
    bound_memory()
    at = TopicPartition(place.topic, place.partition)
    if at not in await resets.places(settings.kafka, place.topic):
        raise WrongUsage(f"{place.topic} has no partition {place.partition}.")
    async with resets.reader(settings.kafka) as reader:
        reader.assign([at])
        start = (await reader.beginning_offsets([at]))[at]
        end = (await reader.end_offsets([at]))[at]
        if not start <= place.offset < end:
            raise WrongUsage(
                f"{place.topic}/{place.partition} has records from {start:,} to before {end:,}, "
                f"and none at {place.offset:,}."
            )
        reader.seek(at, place.offset)
        found = await reader.getmany(at, timeout_ms=READ_MS, max_records=1)
    record: Record | None = next(iter(found.get(at, ())), None)
    if record is None or record.offset != place.offset:
        raise WrongUsage(f"There is no record at {place}: the log has a gap there.")
    return record
