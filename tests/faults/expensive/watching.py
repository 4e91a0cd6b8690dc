"""How often workers read each record, and what they log: in this process or in their own."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from structlog.testing import capture_logs

from shared.delivery.decode import Reading, Record
from shared.delivery.reading import BatchReader, Unread
from tests.faults.expensive.watched_worker import READ

Spot = tuple[str, int, int]  # topic, partition, offset


class Watch(Protocol):
    """Observes workers."""

    def tries(self, spot: Spot) -> int:
        """Return how often a record was read."""

    def ignored(self) -> list[str]:
        """Return the reasons for which payloads were ignored since this was last asked."""


class LogFiles:
    """Reads the logs of workers that are processes of their own, in JSON lines."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files = [path.open(encoding="utf-8") for path in paths]
        self._begun = dict.fromkeys(self._files, "")
        self._tries: Counter[Spot] = Counter()
        self._ignored: list[str] = []

    def tries(self, spot: Spot) -> int:
        """Return how often a record was read."""
        self._read()
        return self._tries[spot]

    def ignored(self) -> list[str]:
        """Return the reasons for which payloads were ignored since this was last asked."""
        self._read()
        reasons, self._ignored = self._ignored, []
        return list(dict.fromkeys(reasons))

    def _read(self) -> None:
        for event in self._events():
            if event["event"] == READ:
                self._tries[event["topic"], event["partition"], event["offset"]] += 1
            self._ignored += event.get("reasons", ())

    def _events(self) -> Iterator[dict[str, Any]]:
        for file in self._files:
            *lines, self._begun[file] = (self._begun[file] + file.read()).split("\n")
            yield from (json.loads(line) for line in lines if line.startswith('{"'))


class _Here:
    def __init__(self, logs: list[Any]) -> None:
        self.counts: Counter[Spot] = Counter()
        self._logs = logs

    def tries(self, spot: Spot) -> int:
        return self.counts[spot]

    def ignored(self) -> list[str]:
        logs = [event for event in self._logs if event["event"] == "payloads.ignored"]
        del self._logs[:]
        return list(dict.fromkeys(reason for event in logs for reason in event["reasons"]))


@contextmanager
def in_this_process() -> Iterator[Watch]:
    """Watch workers of this process until the block ends."""
    read = BatchReader._reading  # noqa: SLF001 - what is watched
    with capture_logs() as logs:
        here = _Here(logs)

        def counted(self: BatchReader, record: Record, unread: Unread) -> Reading:
            here.counts[record.topic, record.partition, record.offset] += 1
            return read(self, record, unread)

        with mock.patch.object(BatchReader, "_reading", counted):
            yield here
