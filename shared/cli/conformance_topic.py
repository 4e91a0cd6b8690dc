"""`chatia conformance topic`: checks what a gateway publishes, and how it answers sends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer
from sqlalchemy import text
from typing_extensions import override

from shared.cli import cluster, output
from shared.cli.conformance_output import print_report
from shared.cli.db_errors import explain_database_errors
from shared.cli.errors import CheckFailedError, InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.cli.publishing import publish
from shared.cli.records import Record as OutgoingRecord
from shared.conformance.reader import TopicReader, open_reader
from shared.conformance.report import Report
from shared.conformance.topic.read_record import TOPICS, Line, RecordReader
from shared.conformance.topic.run import Times, TopicRun, Topics
from shared.conformance.topic.sends import SendPlan, plan_sends
from shared.contracts.cloudevents import build_headers
from shared.contracts.message import MessageSend
from shared.db.engine import create_engine
from shared.delivery.kafka.record import Record
from shared.settings import Settings

POLL_MS = 500
# No country has the code 999.
NOBODY = "999000000000000"
LINES = text('SELECT "companyId", id FROM "Whatsapps"')


@dataclass(frozen=True, slots=True)
class LineOptions:
    """Options that name the line."""

    company: Annotated[int, typer.Option(min=1, help="The company that owns the line.")]
    line: Annotated[int, typer.Option(min=1, help="The line: its id in Whatsapps.")]
    database: Annotated[
        bool, typer.Option(help="Look up the registered lines; without, only this one is.")
    ] = True


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """Options of what is read."""

    seconds: Annotated[int, typer.Option(min=0, help="How long to collect records.")] = 60
    records: Annotated[int, typer.Option(min=0, help="Enough of them; 0 = any number.")] = 0
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Also what was published before.")
    ] = False


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Options of the messages that are sent."""

    send_to: Annotated[
        str, typer.Option(help="A number that gets real messages; none = nothing is sent.")
    ] = ""
    no_whatsapp: Annotated[str, typer.Option(help="A number that is not on WhatsApp.")] = NOBODY
    answer_seconds: Annotated[int, typer.Option(min=1, help="How long an answer may take.")] = 60
    settle_seconds: Annotated[
        int, typer.Option(min=0, help="How long to wait for second answers and echoes.")
    ] = 10


class KafkaTopics(Topics):
    """The topics of a deployment."""

    def __init__(self, settings: Settings, reader: TopicReader) -> None:
        self._settings = settings
        self._reader = reader

    @override
    async def poll(self) -> Sequence[Record]:
        return await self._reader.poll(POLL_MS)

    @override
    async def publish(self, sends: Sequence[MessageSend]) -> None:
        topic = f"{self._settings.namespace}.{MessageSend.topic}"
        records = [self._build_record(send) for send in sends]
        await publish(self._settings.kafka, topic, records, lambda _: None)

    def _build_record(self, send: MessageSend) -> OutgoingRecord:
        source = f"{self._settings.namespace}/conformance"
        # The same id each time: a repeated send is the same event.
        headers = build_headers(send, id=send.send_id, source=source, time=datetime.now(UTC))
        value = send.model_dump_json(by_alias=True, exclude_none=True)
        return OutgoingRecord(send.key.encode(), value.encode(), tuple(headers))


@expand_option_groups
def topic_command(
    *,
    of_line: LineOptions,
    collect: CollectOptions,
    send: SendOptions,
    as_json: output.JsonOption = False,
) -> None:
    """Check the records that a gateway publishes for a line, and its answers to sends.

    Use it while people write to the line and while the gateway is restarted.
    """
    for number in filter(None, (send.send_to, send.no_whatsapp)):
        if not (number.isascii() and number.isdigit()):
            raise InvalidUsageError(f"The number {number} is not written in digits only.")
    report = asyncio.run(_run(Settings(), of_line, collect, send))
    print_report(report, as_json=as_json)


async def _run(
    settings: Settings, of_line: LineOptions, collect: CollectOptions, send: SendOptions
) -> Report:
    line = (of_line.company, of_line.line)
    lines = await _load_lines(settings) if of_line.database else {line}
    if line not in lines:
        raise CheckFailedError(f"Company {line[0]} has no line {line[1]}: insert it first.")
    times = Times(
        float(collect.seconds), float(send.answer_seconds), float(send.settle_seconds),
        collect.records,
    )  # fmt: skip
    partitions = await cluster.find_partitions(settings, TOPICS)
    with cluster.explain_kafka_errors(settings.kafka):
        async with open_reader(
            settings.kafka, partitions, from_beginning=collect.from_beginning
        ) as reader:
            topics = KafkaTopics(settings, reader)
            run = TopicRun(topics, RecordReader(settings.namespace), line, lines, times)
            return await run.run(_plan(line, send))


def _plan(line: Line, send: SendOptions) -> SendPlan | None:
    if not send.send_to:
        return None
    return plan_sends(line, send.send_to, send.no_whatsapp, uuid4().hex[:8], datetime.now(UTC))


async def _load_lines(settings: Settings) -> set[Line]:
    engine = create_engine(settings.database, "chatia-conformance")
    try:
        async with explain_database_errors(), engine.connect() as conn:
            return {(company, line) for company, line in await conn.execute(LINES)}
    finally:
        await engine.dispose()
