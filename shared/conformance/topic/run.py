"""A run over the topics: records are collected, sends are published, and everything is checked."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.conformance.report import Check, Report
from shared.conformance.topic.history_checks import check_history
from shared.conformance.topic.read_record import Line, ReadRecord, RecordReader
from shared.conformance.topic.record_checks import check_record
from shared.conformance.topic.sends import SendPlan, check_sends, list_missing
from shared.contracts.message import MessageSend
from shared.delivery.kafka.record import Record

NOT_SENT = "Not checked: how the gateway sends; --send-to NUMBER sends real messages."


class Topics(Protocol):
    """What a gateway published, and sends for it."""

    async def poll(self) -> Sequence[Record]:
        """Return records that have come since the last call; wait for some at most a second."""

    async def publish(self, sends: Sequence[MessageSend]) -> None:
        """Publish message.send records in order, and wait until Kafka has acknowledged them."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long a run lasts, in seconds; collecting also ends after `records` records."""

    collect_s: float
    answer_s: float = 60.0
    settle_s: float = 5.0  # after the last answer, for second answers and echoes
    records: int = 0  # 0 = any number


class TopicRun:
    """Collects the records of one line; `lines` are all registered lines."""

    def __init__(
        self,
        topics: Topics,
        reader: RecordReader,
        line: Line,
        lines: Collection[Line],
        times: Times,
    ) -> None:
        self._topics = topics
        self._reader = reader
        self._line = line
        self._lines = {line, *lines}
        self._times = times
        self._reads: list[ReadRecord] = []
        self._others = 0

    async def run(self, plan: SendPlan | None) -> Report:
        """Collect, send if there is a plan, and check."""
        most = self._times.records
        await self._collect(self._times.collect_s, lambda: 0 < most <= len(self._reads))
        checks = await self._send(plan) if plan else []
        checks += [c for read in self._reads for c in check_record(read, self._lines)]
        checks += check_history(self._reads)
        remarks = [] if plan else [NOT_SENT]
        if self._others:
            remarks.append(f"Left out: {self._others:,} records of other lines.")
        return Report(
            f"company {self._line[0]}, line {self._line[1]}", tuple(checks), tuple(remarks)
        )

    async def _send(self, plan: SendPlan) -> list[Check]:
        published_at = datetime.now(UTC)
        # One is repeated at once, as after a crash of its publisher, and again after its answer.
        await self._topics.publish([*plan.sends, plan.repeated])
        await self._collect(self._times.answer_s, lambda: not list_missing(plan, self._reads))
        await self._topics.publish([plan.repeated])
        await self._collect(self._times.settle_s, lambda: False)
        within = timedelta(seconds=self._times.answer_s)
        return check_sends(plan, self._reads, published_at, within)

    async def _collect(self, seconds: float, is_enough: Callable[[], bool]) -> None:
        """Read records for some seconds, or until there are enough."""
        ends = time.monotonic() + seconds
        while not is_enough():
            for record in await self._topics.poll():
                self._take(record)
            if time.monotonic() >= ends:
                return
            await asyncio.sleep(0)

    def _take(self, record: Record) -> None:
        read = self._reader.read(record)
        claimed = read.claimed_line
        if claimed != self._line and claimed in self._lines:
            self._others += 1
        else:
            self._reads.append(read)
