"""`chatia record`: rows of any table are saved or deleted by events, and the answer is awaited."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, BinaryIO

import typer
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.cli import cluster, output
from shared.cli.errors import Refused, WorldFailed, WrongUsage
from shared.cli.publishing import publish
from shared.cli.records import Record
from shared.contracts.cloudevents import headers
from shared.contracts.record import PurgeProgressed, RecordChanged
from shared.contracts.record_request import DELETES, MOST_ROWS, SAVES, RecordRequest, Row
from shared.delivery.outbox import LARGEST_RECORD
from shared.records.tables import tables
from shared.settings import Settings

app = typer.Typer(name="record", help="Rows of any table, by events.", no_args_is_help=True)

ANSWER_SECONDS = 60

Answer = dict[str, Any]
TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="As in docs/tables.md.")]
InputFile = Annotated[
    typer.FileBinaryRead,
    typer.Argument(metavar="FILE", help="NDJSON, a row a line, or - for standard input."),
]
CompanyOption = Annotated[int, typer.Option(min=0, help="Whose rows; 0 is the platform.")]
ActorOption = Annotated[str | None, typer.Option(help="Who asks, as the answer is to name them.")]


@app.command("save")
def save(
    table: TableArgument,
    file: InputFile,
    *,
    company: CompanyOption,
    actor: ActorOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Insert rows, or change the columns that are named; all of a thousand rows, or none."""
    requests = _requests(SAVES, table, file, company, actor)
    _ask(requests, no_wait=False, as_json=as_json)


@app.command("delete")
def delete(
    table: TableArgument,
    file: InputFile,
    *,
    company: CompanyOption,
    actor: ActorOption = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Where it takes long, end when it has begun.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Delete the rows that are named by their id, or by their natural key.

    Where much hangs on them, they go in steps: this waits for the last one.
    """
    requests = _requests(DELETES, table, file, company, actor)
    _ask(requests, no_wait=no_wait, as_json=as_json)


def _requests(
    contracts: Mapping[str, type[RecordRequest]],
    table: str,
    file: BinaryIO,
    company: int,
    actor: str | None,
) -> list[RecordRequest]:
    described = tables().get(table)
    if described is None:
        raise WrongUsage(f"There is no table {table}; docs/tables.md lists them.")
    contract = contracts[described.owner]
    requests = [
        contract(company_id=company, request_id=str(uuid.uuid4()), table=table, actor=actor, rows=r)
        for r in _portions(_rows(file))
    ]
    if not requests:
        raise WrongUsage("There are no rows in the input.")
    return requests


def _ask(requests: Sequence[RecordRequest], *, no_wait: bool, as_json: bool) -> None:
    answers = asyncio.run(_answered(Settings(), requests, no_wait=no_wait))
    if as_json:
        for answer in answers:
            output.say_json(answer)
    refused = next((answer for answer in answers if "reason" in answer), None)
    if refused is not None:
        row = refused.get("row")
        where = "" if row is None else f" (row {row + 1} of the request)"
        raise Refused(f"Refused{where}: {refused['reason']}.")
    if not as_json:
        output.say(_sentence(requests[0].table, answers))


def _rows(file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise WrongUsage(f"Line {number} cannot be read: it is not JSON.") from error
        if not isinstance(row, dict):
            raise WrongUsage(f"Line {number} cannot be read: a row is an object.")
        yield row


def _portions(rows: Iterator[Row]) -> Iterator[tuple[Row, ...]]:
    while portion := tuple(islice(rows, MOST_ROWS)):
        yield portion


async def _answered(
    settings: Settings, requests: Sequence[RecordRequest], *, no_wait: bool
) -> list[Answer]:
    """Publish requests; gives their answers in the same order."""
    topic = f"{settings.namespace}.{requests[0].topic}"
    told = f"{settings.namespace}.{RecordChanged.topic}"
    records = [_record(settings, request) for request in requests]
    places = await _places(settings, told)
    consumer = AIOKafkaConsumer(
        **cluster.client_arguments(settings.kafka), isolation_level="read_committed"
    )
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await consumer.start()
            await _from_now_on(consumer, places)
            await publish(settings.kafka, topic, records, lambda _: None)
            ids = [request.request_id for request in requests]
            answers = await _heard(consumer, ids)
        # What has begun ends, however long it takes, and however often the workers are stopped.
        while not no_wait and any(_is_begun(answer) for answer in answers.values()):
            answers |= await _heard(
                consumer, [i for i, answer in answers.items() if _is_begun(answer)]
            )
        return [answers[request_id] for request_id in ids]
    except TimeoutError as error:
        raise WorldFailed(
            f"No answer within {ANSWER_SECONDS} s. If the worker of {topic} does not run, the "
            "request waits and takes effect when it does; else it became a dead letter, as for a "
            f"company that is not there: see `chatia dead-letters list --topic {topic}`."
        ) from error
    except KafkaError as error:
        raise WorldFailed(f"Kafka cannot be asked: {error!r}.") from error
    finally:
        await consumer.stop()


async def _places(settings: Settings, topic: str) -> list[TopicPartition]:
    async with cluster.connected(settings.kafka) as admin:
        found = (await cluster.find(admin, [topic])).get(topic)
    if found is None:
        raise WorldFailed(f"The topic {topic} does not exist; run `chatia topics apply`.")
    return [TopicPartition(topic, partition) for partition in range(found.partitions)]


async def _from_now_on(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
    consumer.assign(places)
    for place, offset in (await consumer.end_offsets(places)).items():
        consumer.seek(place, offset)


async def _heard(consumer: AIOKafkaConsumer, request_ids: Sequence[str]) -> dict[str, Answer]:
    """Wait for one more fact about each request, and show how far those have come that began."""
    answers: dict[str, Answer] = {}
    while len(answers) < len(request_ids):
        for found in (await consumer.getmany(timeout_ms=500)).values():
            for record in found:
                answer = json.loads(record.value or b"{}")
                if answer.get("requestId") not in request_ids:
                    continue
                if _type_of(record) == PurgeProgressed.ce_type():
                    output.complain(f"{answer['service']}: {_counted(answer['removed'])}.")
                else:
                    answers[answer["requestId"]] = answer
    return answers


def _type_of(record: ConsumerRecord[bytes | None, bytes | None]) -> str:
    return (dict(record.headers).get("ce_type") or b"").decode()


def _is_begun(answer: Answer) -> bool:
    return "rows" in answer


def _counted(removed: dict[str, int]) -> str:
    """List counts; rows that only forget a parent are named with the column."""
    return ", ".join(f"{count:,} of {name}" for name, count in removed.items())


def _record(settings: Settings, request: RecordRequest) -> Record:
    source, at = f"{settings.namespace}/cli", datetime.now(UTC)
    record = Record(
        key=request.key.encode(),
        value=request.model_dump_json(by_alias=True).encode(),
        headers=tuple(headers(request, id=request.request_id, source=source, time=at)),
    )
    if record.size > LARGEST_RECORD:
        raise WrongUsage(
            f"A thousand of these rows are {record.size:,} bytes, at most {LARGEST_RECORD:,} fit: "
            "give fewer at a time."
        )
    return record


def _sentence(table: str, answers: Sequence[Answer]) -> str:
    counts = {
        what: sum(len(keys) for a in answers for keys in a.get(what, {}).values())
        for what in ("inserted", "updated", "deleted")
    }
    counts["being deleted"] = sum(answer.get("rows", 0) for answer in answers)
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    along: Counter[str] = Counter()
    for answer in answers:
        along.update(answer.get("removed", {}))
    with_it = f" with {_counted(along)}" if along else ""
    return f"{table}: {said or 'nothing to do'}{with_it}."
