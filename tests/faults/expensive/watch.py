"""Observing workers: how often they read each record, and which payloads they ignore."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from structlog.testing import capture_logs

from shared.delivery.batch.reading import BatchReader, Exclusions
from shared.delivery.kafka.record import DecodedRecord, Record
from tests.faults.expensive.watched_worker import READ

RecordId = tuple[str, int, int]  # topic, partition, offset


class ReadObserver(Protocol):
    """Counts reads and collects reasons for ignored payloads."""

    def count_reads(self, record_id: RecordId) -> int:
        """Return how often a record was read."""

    def ignored(self) -> list[str]:
        """Return the reasons for which payloads were ignored since the last call."""


class LogFiles:
    """Reads the JSON logs of workers in other processes."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files = [path.open(encoding="utf-8") for path in paths]
        self._begun = dict.fromkeys(self._files, "")
        self._tries: Counter[RecordId] = Counter()
        self._ignored: list[str] = []

    def count_reads(self, record_id: RecordId) -> int:
        """Return how often a record was read."""
        self._read()
        return self._tries[record_id]

    def ignored(self) -> list[str]:
        """Return the reasons for which payloads were ignored since the last call."""
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
        self.counts: Counter[RecordId] = Counter()
        self._logs = logs

    def count_reads(self, record_id: RecordId) -> int:
        return self.counts[record_id]

    def ignored(self) -> list[str]:
        logs = [event for event in self._logs if event["event"] == "payloads.ignored"]
        del self._logs[:]
        return list(dict.fromkeys(reason for event in logs for reason in event["reasons"]))


@contextmanager
def observe_this_process() -> Iterator[ReadObserver]:
    """Observe workers of this process until the block ends."""
    read = BatchReader._decode  # noqa: SLF001 - what is watched
    with capture_logs() as logs:
        here = _Here(logs)

        def counted(self: BatchReader, record: Record, exclusions: Exclusions) -> DecodedRecord:
            here.counts[record.topic, record.partition, record.offset] += 1
            return read(self, record, exclusions)

        with mock.patch.object(BatchReader, "_decode", counted):
            yield here
