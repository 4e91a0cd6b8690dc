"""Replays dead letters: publishes their records on their own topics, with edits.

A dead letter is marked before its record is published. After a crash in between it is marked but
not published, and can be replayed again; a record that is published twice takes effect once,
because the worker locks the dead letter.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.cli import cluster, dead_letter_store
from shared.cli.dead_letter_store import DeadLetterQuery, RecordContent, Selection
from shared.cli.errors import DependencyFailedError, InvalidUsageError
from shared.cli.publishing import open_producer, publish_with
from shared.cli.records import Record
from shared.delivery.dead_letters.replay import build_replay_headers
from shared.delivery.dead_letters.store import restore_headers
from shared.settings import KafkaSettings

CHUNK_SIZE = 1_000  # dead letters in a transaction
CHUNK_BYTES = 8 * 2**20  # bytes of bodies that are in memory at a time, and one body more

# By the obstacle that `dead_letter_store.find_replayable` returns.
OBSTACLES = {
    "deleted": "the company is deleted, or is being deleted",
    "blanked": "secrets were blanked, and --edit has to give them anew",
    "too-large": "the body was too large to be kept, and --edit has to give one",
    "too-old": "the message is older than its company keeps messages",
}
NEVER_REPLAYED = ("deleted", "too-old")  # whatever --edit gives: nothing of the record was kept


@dataclass(frozen=True, slots=True)
class Edits:
    """A new body and headers of a record; a header without a value is removed."""

    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether there is a new body or header."""
        return self.body is not None or bool(self.headers)

    def allow(self, obstacle: str | None) -> bool:
        """Return whether a letter with this obstacle can be replayed."""
        return obstacle is None or (self.body is not None and obstacle not in NEVER_REPLAYED)

    def build_record(self, content: RecordContent) -> Record:
        """Build the record to publish on the topic of the dead letter."""
        given = dict(self.headers)
        kept = [(n, v) for n, v in restore_headers(content.headers) if n not in given]
        new = [(name, value.encode()) for name, value in self.headers if value]
        return Record(
            key=content.key,
            value=content.body if self.body is None else self.body,
            headers=build_replay_headers(content.id, content.service, [*kept, *new]),
        )


@dataclass(frozen=True, slots=True)
class Replay:
    """The letters to replay: those of the query, up to the last one of the selection."""

    query: DeadLetterQuery
    selection: Selection
    edits: Edits
    by: str


@dataclass(frozen=True, slots=True)
class Published:
    """The ids of replayed letters, and of those that are left out, with their obstacles."""

    ids: list[int] = field(default_factory=list)
    left_out: dict[int, str] = field(default_factory=dict)


def parse_header(text: str) -> tuple[str, str]:
    """Parse NAME=VALUE; raises InvalidUsageError."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidUsageError(f"--header {text} is not NAME=VALUE.")
    return name, value


async def check_topics(settings: KafkaSettings, topics: Iterable[str]) -> None:
    """Raise DependencyFailedError if a topic is missing; call it before anything is marked."""
    names = set(topics)
    async with cluster.connect_admin(settings) as admin:
        missing = names - (await cluster.find_topics(admin, names)).keys()
    if missing:
        listed = ", ".join(sorted(missing))
        raise DependencyFailedError(
            f"Kafka has no topic {listed}: create it, for ours by `topics apply`."
        )


async def publish_replay(
    engine: AsyncEngine, settings: KafkaSettings, replay: Replay, on_done: Callable[[int], None]
) -> Published:
    """Mark and publish letters, the oldest first; each chunk is marked in its own transaction.

    A letter that is rejected again meanwhile keeps its id, so it is not taken twice. `on_done`
    gets the number of letters of each step.
    """
    await check_topics(settings, replay.selection.topics)
    published, edits = Published(), replay.edits
    query = dataclasses.replace(replay.query, through=replay.selection.last, limit=CHUNK_SIZE)
    async with open_producer(settings) as producer:
        while True:
            async with engine.begin() as conn:
                found = await dead_letter_store.find_replayable(conn, query, CHUNK_BYTES)
                taken = [i for i, obstacle in found.items() if edits.allow(obstacle)]
                marked = await dead_letter_store.mark_replayed(
                    conn, taken, replay.by, edited=edits.has_changes
                )
            if not found:
                return published
            await _publish(producer, marked, edits, on_done)
            published.ids.extend(content.id for content in marked)
            published.left_out.update(
                (i, obstacle)
                for i, obstacle in found.items()
                if obstacle and not edits.allow(obstacle)
            )
            on_done(len(found) - len(marked))
            query = dataclasses.replace(query, after=max(found))


async def _publish(
    producer: AIOKafkaProducer,
    marked: Iterable[RecordContent],
    edits: Edits,
    on_done: Callable[[int], None],
) -> None:
    by_topic: dict[str, list[Record]] = defaultdict(list)
    for content in marked:
        by_topic[content.topic].append(edits.build_record(content))
    for topic, records in by_topic.items():
        try:
            await publish_with(producer, topic, records, on_done)
        except DependencyFailedError as error:
            raise DependencyFailedError(
                f"Kafka did not take every letter of {topic} ({error.__cause__!r}): replay again "
                "those that stay replayed, since a letter takes effect once."
            ) from error
