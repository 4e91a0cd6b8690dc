"""The cost of a record in this process: decoding, translation, and facts or the dead letter.

The batch transaction is a worker's own. A fake connection answers as if every line were registered
and every table empty. Handlers that need more are replaced by one that rejects its events, so that
the way to a dead letter is measured; the rest is measured on a real deployment.
"""

import asyncio
import gc
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import override

from shared.contracts.outcome import Outcome, Reject
from shared.contracts.record_request import RecordRequest
from shared.delivery.batch.transaction import BatchTransaction
from shared.delivery.batch.triage import Count
from shared.delivery.checkpoints.store import Checkpoint
from shared.delivery.dead_letters.quarantine import UnreadableRuns
from shared.delivery.kafka.publisher import Publisher
from shared.delivery.kafka.record import Record
from shared.delivery.subscription import Subscription
from shared.settings import SendingSettings, Settings
from tests.faults.expensive.payloads import Payload
from tests.faults.expensive.seeds import COMPANY_ID, WHATSAPP_ID
from tests.support.any_records import AnyRecord
from tests.support.deployment import CONSUMERS, PARTITIONS

NAMESPACE, EVOLUTION_PREFIX = "costs", "evolution"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds and peak bytes of a record, and its end."""

    cpu_s: float
    peak_bytes: int
    end: str


class _Answer(list[Any]):
    """The rows of a statement, as the result of an execution."""

    def mappings(self) -> "_Answer":
        return self

    def scalar_one(self) -> Any:
        return datetime.now(UTC)


class _Line(NamedTuple):
    """A row of the lines that an instance is registered for."""

    server: str
    instance: str
    companyId: int  # noqa: N815 - the column's name
    whatsappId: int  # noqa: N815 - the column's name
    is_any_server: bool = True


class _Connection:
    """Answers the statements of translations and of requests about rows; all else has no rows."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def execution_options(self, **_: object) -> None:
        """Accept and ignore them."""

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        yield

    async def execute(self, _: object, given: Mapping[str, Any] | None = None) -> _Answer:
        match given or {}:
            case {"server": servers, "instance": instances}:
                pairs = zip(servers, instances, strict=True)
                return _Answer(_Line(s, i, COMPANY_ID, WHATSAPP_ID) for s, i in pairs)
            case {"reason": reasons, "epoch": _}:
                self.reasons += reasons
            case {"company_id": companies, "id": ids}:
                return _Answer(zip(companies, ids, strict=True))
            case {"table": _, "count": count}:
                return _Answer((n,) for n in range(count))
            case _:
                pass
        return _Answer()


class _Engine:
    """An engine with the fake connection."""

    def __init__(self, conn: _Connection) -> None:
        self._conn = conn

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[_Connection]:
        yield self._conn


class _Publisher(Publisher):
    @override
    def count_partitions(self, topic: str) -> int:
        return PARTITIONS


class CostMeter:
    """Measures records as the workers of all services read them."""

    def __init__(self) -> None:
        settings = Settings(
            namespace=NAMESPACE,
            evolution_prefix=EVOLUTION_PREFIX,
            sending=SendingSettings(enabled=True),
        )
        self._ignored: list[str] = []
        structlog.configure(processors=[self._note_ignored])
        self._of: dict[str, BatchTransaction] = {}
        for name, service in CONSUMERS.items():
            heard = [_replace_handler(s) for s in service(settings).subscriptions]
            transaction = BatchTransaction(name, NAMESPACE, "", heard, _Publisher({}))
            self._of |= dict.fromkeys(transaction.decoder.topics, transaction)
        self._loop = asyncio.new_event_loop()
        gc.collect()
        gc.freeze()  # so that collecting garbage before each measurement is fast

    def measure_cost(self, payload: Payload, *, traced: bool = False) -> Cost:
        """Return what a payload costs: its CPU seconds or, traced, also its peak of memory."""
        record = _build_consumer_record(payload)
        gc.collect()
        if traced:
            tracemalloc.start()
        began = time.thread_time()
        try:
            end = self._loop.run_until_complete(self._run_batch(record))
        except Exception as error:  # noqa: BLE001 - what a payload raises is what is looked for
            end = f"raises {type(error).__name__}"
        cpu_s = time.thread_time() - began
        peak = tracemalloc.get_traced_memory()[1] if traced else 0
        tracemalloc.stop()
        return Cost(cpu_s, peak, end)

    async def _run_batch(self, record: Record) -> str:
        transaction = self._of.get(record.topic)
        if transaction is None:
            return "nobody reads this topic"
        conn = _Connection()
        self._ignored.clear()
        engine = cast("AsyncEngine", _Engine(conn))
        batch = await transaction.reader.read(engine, [record], {}, {})
        place = TopicPartition(record.topic, record.partition)
        held = {place: Checkpoint(*place, 0, None, None, 1, None, {}, {}, None)}
        result = await transaction.run(
            cast("AsyncConnection", conn), batch, held, UnreadableRuns(0)
        )
        return ", ".join(_list_ends(result.counts, conn.reasons, self._ignored))

    def _note_ignored(self, _: object, __: str, event: Any) -> Any:
        self._ignored += event.get("reasons", {})
        raise structlog.DropEvent


def _list_ends(
    counts: Counter[Count], reasons: Sequence[str], ignored: Sequence[str]
) -> Iterator[str]:
    if counts[Count.FACTS]:
        yield "facts"
    yield from (f"dead letter: {reason}" for reason in dict.fromkeys(reasons))
    yield from (f"ignored: {reason}" for reason in list(dict.fromkeys(ignored))[:3])
    if counts[Count.SKIPPED]:
        yield "skipped"
    if not (counts[Count.FACTS] or reasons or ignored or counts[Count.SKIPPED]):
        yield "rows"


def _replace_handler(subscription: Subscription) -> Subscription:
    has_rows = any(issubclass(c, RecordRequest) for c in subscription.contracts)
    if subscription.only_reads or has_rows:
        return subscription
    return replace(subscription, handler=_refuse)


async def _refuse(_: AsyncConnection, batch: Sequence[BaseModel]) -> Outcome:
    return [Reject(event, "refused", "not measured here") for event in batch]


def get_topic(payload: Payload, namespace: str, evolution_prefix: str) -> str:
    """Return the full name of a payload's topic."""
    beginning = f"{evolution_prefix}.global" if payload.is_evolutions else namespace
    return f"{beginning}.{payload.topic}"


def _build_consumer_record(payload: Payload) -> Record:
    made: AnyRecord = payload.record
    headers = [(n.decode("utf-8", "surrogateescape"), v) for n, v in made.headers]
    return ConsumerRecord(
        get_topic(payload, NAMESPACE, EVOLUTION_PREFIX), 0, 7, made.timestamp_ms or 0, 0, made.key,
        made.value, None, len(made.key or b""), len(made.value or b""), cast("Any", headers),
    )  # fmt: skip
