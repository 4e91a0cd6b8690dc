"""Replays dead letters: publishes their records on their own topics, with edits.

A dead letter is marked before its record is published. After a crash in between it is marked but
not published, and can be replayed again; a record that is published twice takes effect once,
because the worker locks the dead letter.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shared.cli import cluster, dead_letter_store
from shared.cli.dead_letter_store import RecordContent
from shared.cli.errors import DependencyFailedError, InvalidUsageError
from shared.cli.publishing import publish
from shared.cli.records import Record
from shared.delivery.dead_letters import replay
from shared.delivery.dead_letters.store import restore_headers
from shared.settings import KafkaSettings, Settings

CHUNK_SIZE = 100  # dead letters whose bodies are in memory at a time


@dataclass(frozen=True, slots=True)
class Edits:
    """A new body and headers of a record; a header without a value is removed."""

    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether there is a new body or header."""
        return self.body is not None or bool(self.headers)

    def build_record(self, content: RecordContent) -> Record:
        """Build the record to publish on the topic of the dead letter."""
        given = dict(self.headers)
        kept = [(n, v) for n, v in restore_headers(content.headers) if n not in given]
        new = [(name, value.encode()) for name, value in self.headers if value]
        return Record(
            key=content.key,
            value=content.body if self.body is None else self.body,
            headers=replay.build_replay_headers(content.id, content.service, [*kept, *new]),
        )


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


async def replay_dead_letters(
    settings: Settings,
    ids: Sequence[int],
    edits: Edits,
    by: str,
    on_acknowledged: Callable[[int], None],
) -> list[int]:
    """Mark and publish dead letters, the oldest first; return the ids of those still unsettled."""
    replayed: list[int] = []
    for start in range(0, len(ids), CHUNK_SIZE):
        async with dead_letter_store.open_transaction(settings.database) as conn:
            marked = await dead_letter_store.mark_replayed(
                conn, ids[start : start + CHUNK_SIZE], by, edited=edits.has_changes
            )
        await _publish(settings.kafka, marked, edits, on_acknowledged)
        replayed += [content.id for content in marked]
    return replayed


async def _publish(
    settings: KafkaSettings,
    marked: Iterable[RecordContent],
    edits: Edits,
    on_acknowledged: Callable[[int], None],
) -> None:
    by_topic: dict[str, list[Record]] = defaultdict(list)
    for content in marked:
        by_topic[content.topic].append(edits.build_record(content))
    for topic, records in by_topic.items():
        try:
            await publish(settings, topic, records, on_acknowledged)
        except DependencyFailedError as error:
            raise DependencyFailedError(
                f"Kafka did not take every letter of {topic} ({error.__cause__!r}): replay again "
                "those that stay replayed, since a letter takes effect once."
            ) from error
