"""Putting dead letters back on their own topics, mended where the operator mended them.

A letter is marked before its record is published. A crash in between leaves it marked and on no
topic; replayed again it gets there, and the worker's lock on the letter makes two copies one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shared.cli import cluster, letters
from shared.cli.errors import WorldFailed, WrongUsage
from shared.cli.letters import Content
from shared.cli.publishing import publish
from shared.cli.records import Record
from shared.delivery import replay
from shared.delivery.dead_letters import headers_as_read
from shared.settings import KafkaSettings, Settings

CHUNK = 100  # letters whose bodies are in memory at a time


@dataclass(frozen=True, slots=True)
class Mending:
    """What the record is given instead of what it had; a header without a value goes."""

    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything is mended at all."""
        return self.body is not None or bool(self.headers)

    def record(self, letter: Content) -> Record:
        """Make the record that goes back onto the letter's topic."""
        given = dict(self.headers)
        kept = [(n, v) for n, v in headers_as_read(letter.headers) if n not in given]
        new = [(name, value.encode()) for name, value in self.headers if value]
        return Record(
            key=letter.key,
            value=letter.body if self.body is None else self.body,
            headers=replay.headers_for(letter.id, letter.service, [*kept, *new]),
        )


def header(text: str) -> tuple[str, str]:
    """Read NAME=VALUE."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise WrongUsage(f"--header {text} is not NAME=VALUE.")
    return name, value


async def check_topics(settings: KafkaSettings, topics: Iterable[str]) -> None:
    """Find out that every topic is there, before anything is marked."""
    wanted = set(topics)
    async with cluster.connected(settings) as admin:
        missing = wanted - (await cluster.find(admin, wanted)).keys()
    if missing:
        listed = ", ".join(sorted(missing))
        raise WorldFailed(f"Kafka has no topic {listed}: create it, for ours by `topics apply`.")


async def put_back(
    settings: Settings,
    ids: Sequence[int],
    mending: Mending,
    by: str,
    taken: Callable[[int], None],
) -> list[int]:
    """Mark and publish, the oldest first; gives those that were not settled in the meantime."""
    replayed: list[int] = []
    for start in range(0, len(ids), CHUNK):
        async with letters.transaction(settings.database) as conn:
            marked = await letters.mark_replayed(
                conn, ids[start : start + CHUNK], by, edited=mending.changes
            )
        await _publish(settings.kafka, marked, mending, taken)
        replayed += [letter.id for letter in marked]
    return replayed


async def _publish(
    settings: KafkaSettings,
    marked: Iterable[Content],
    mending: Mending,
    taken: Callable[[int], None],
) -> None:
    by_topic: dict[str, list[Record]] = defaultdict(list)
    for letter in marked:
        by_topic[letter.topic].append(mending.record(letter))
    for topic, records in by_topic.items():
        try:
            await publish(settings, topic, records, taken)
        except WorldFailed as error:
            raise WorldFailed(
                f"Kafka did not take every letter of {topic} ({error.__cause__!r}): replay again "
                "those that stay replayed, since a letter takes effect once."
            ) from error
