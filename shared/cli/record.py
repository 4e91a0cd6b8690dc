"""`chatia record`: saves and deletes rows of any table by requests, and waits for the answers."""

import asyncio
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, BinaryIO

import typer
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.cli import cluster, dead_letter_store, known_values, output
from shared.cli.errors import DependencyFailedError, InvalidUsageError, RefusedError
from shared.cli.publishing import publish
from shared.cli.records import Record
from shared.contracts.cloudevents import build_headers
from shared.contracts.record import PurgeProgressed, RecordChanged
from shared.contracts.record_request import (
    DELETES,
    MOST_ROWS,
    SAVES,
    RecordDelete,
    RecordRequest,
    Row,
)
from shared.delivery.kafka.outgoing import LARGEST_RECORD
from shared.records.tables import get_tables
from shared.settings import Settings

app = typer.Typer(name="record", help="Rows of any table, by events.", no_args_is_help=True)

ANSWER_SECONDS = 60
MAX_LISTED_ROWS = 5  # rows in a sentence
MAX_LISTED_KEYS = 100  # keys in a line

Answer = dict[str, Any]
TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="As in docs/tables.md.")]
InputFile = Annotated[
    typer.FileBinaryRead,
    typer.Argument(metavar="FILE", help="NDJSON, one row per line; - is standard input."),
]
CompanyOption = Annotated[int, typer.Option(min=0, help="Whose rows; 0 is the platform.")]
ActorOption = Annotated[str | None, typer.Option(help="The author, as the answer names them.")]


@app.command("save")
def save(
    table: TableArgument,
    file: InputFile,
    *,
    company: CompanyOption,
    actor: ActorOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Insert rows, or update the named columns; of each thousand rows, all are saved or none."""
    requests = _build_requests(SAVES, table, file, company, actor)
    _run_requests(requests, no_wait=False, as_json=as_json)


@app.command("delete")
def delete(
    table: TableArgument,
    file: InputFile,
    *,
    company: CompanyOption,
    actor: ActorOption = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait for the end of a purge.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Delete the rows that are named by their id, or by their natural key.

    If other rows depend on them, all are deleted in steps; the command waits for the last one.
    """
    requests = _build_requests(DELETES, table, file, company, actor)
    _run_requests(requests, no_wait=no_wait, as_json=as_json)


def _build_requests(
    contracts: Mapping[str, type[RecordRequest]],
    table: str,
    file: BinaryIO,
    company: int,
    actor: str | None,
) -> list[RecordRequest]:
    description = get_tables().get(table)
    if description is None:
        raise InvalidUsageError(f"There is no table {table}; docs/tables.md lists them.")
    contract = contracts[description.owner]
    requests = [
        contract(company_id=company, request_id=str(uuid.uuid4()), table=table, actor=actor, rows=r)
        for r in _split_rows(_read_rows(file))
    ]
    if not requests:
        raise InvalidUsageError("There are no rows in the input.")
    return requests


def _run_requests(requests: Sequence[RecordRequest], *, no_wait: bool, as_json: bool) -> None:
    settings = Settings()
    asyncio.run(_check_company(settings, requests[0].company_id))
    answers = asyncio.run(_publish_and_wait(settings, requests, no_wait=no_wait))
    if as_json:
        for answer in answers:
            output.print_json(answer)
    refused = next((answer for answer in answers if "reason" in answer), None)
    if refused is not None:
        row = refused.get("row")
        where = "" if row is None else f" (row {row + 1} of the request)"
        raise RefusedError(f"Refused{where}: {refused['reason']}.")
    if not as_json:
        output.print_line(_format_summary(requests[0].table, answers))
        for line in _list_saved_keys(answers):
            output.print_line(line)
    if missing := _find_missing_rows(requests, answers):
        listed = ", ".join(json.dumps(row, ensure_ascii=False) for row in missing[:MAX_LISTED_ROWS])
        more = f" and {len(missing) - MAX_LISTED_ROWS:,} more" * (len(missing) > MAX_LISTED_ROWS)
        raise InvalidUsageError(f"There is no such row of {requests[0].table}: {listed}{more}.")


async def _check_company(settings: Settings, company: int) -> None:
    """Raise InvalidUsageError for an unknown company; 0 is the platform."""
    if company:
        async with dead_letter_store.open_transaction(settings.database) as conn:
            await known_values.check_company(conn, company)


def _find_missing_rows(requests: Sequence[RecordRequest], answers: Sequence[Answer]) -> list[Row]:
    """Return the rows, named by id, that were to be deleted and did not exist."""
    missing: list[Row] = []
    for request, answer in zip(requests, answers, strict=True):
        if isinstance(request, RecordDelete) and "deleted" in answer:
            deleted = {str(key.get("id")) for key in answer["deleted"].get(request.table, ())}
            named = [row for row in request.rows if "id" in row]
            missing += [row for row in named if str(row["id"]) not in deleted]
    return missing


def _read_rows(file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidUsageError(f"Line {number} cannot be read: it is not JSON.") from error
        if not isinstance(row, dict):
            raise InvalidUsageError(f"Line {number} cannot be read: a row is an object.")
        yield row


def _split_rows(rows: Iterator[Row]) -> Iterator[tuple[Row, ...]]:
    while rows_of_request := tuple(islice(rows, MOST_ROWS)):
        yield rows_of_request


async def _publish_and_wait(
    settings: Settings, requests: Sequence[RecordRequest], *, no_wait: bool
) -> list[Answer]:
    """Publish requests; return their answers in the same order."""
    topic = f"{settings.namespace}.{requests[0].topic}"
    facts_topic = f"{settings.namespace}.{RecordChanged.topic}"
    records = [_build_record(settings, request) for request in requests]
    partitions = await _load_partitions(settings, facts_topic)
    consumer = AIOKafkaConsumer(
        **cluster.build_kafka_arguments(settings.kafka), isolation_level="read_committed"
    )
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await consumer.start()
            await _seek_to_end(consumer, partitions)
            await publish(settings.kafka, topic, records, lambda _: None)
            ids = [request.request_id for request in requests]
            answers = await _wait_for_answers(consumer, ids)
        # A purge that has begun is always finished, so there is no time limit.
        while not no_wait and any(_has_begun(answer) for answer in answers.values()):
            answers |= await _wait_for_answers(
                consumer, [i for i, answer in answers.items() if _has_begun(answer)]
            )
        return [answers[request_id] for request_id in ids]
    except TimeoutError as error:
        raise DependencyFailedError(
            f"No answer within {ANSWER_SECONDS} s. If the worker of {topic} does not run, the "
            "request waits and takes effect when it does; else it became a dead letter, as for a "
            f"company that is not there: see `chatia dead-letters list --topic {topic}`."
        ) from error
    except KafkaError as error:
        raise DependencyFailedError(f"Kafka cannot be asked: {error!r}.") from error
    finally:
        await consumer.stop()


async def _load_partitions(settings: Settings, topic: str) -> list[TopicPartition]:
    async with cluster.connect_admin(settings.kafka) as admin:
        state = (await cluster.find_topics(admin, [topic])).get(topic)
    if state is None:
        raise DependencyFailedError(f"The topic {topic} does not exist; run `chatia topics apply`.")
    return [TopicPartition(topic, partition) for partition in range(state.partitions)]


async def _seek_to_end(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
    consumer.assign(partitions)
    for partition, offset in (await consumer.end_offsets(partitions)).items():
        consumer.seek(partition, offset)


async def _wait_for_answers(
    consumer: AIOKafkaConsumer, request_ids: Sequence[str]
) -> dict[str, Answer]:
    """Wait for the next answer to each request, and print the progress of purges."""
    answers: dict[str, Answer] = {}
    while len(answers) < len(request_ids):
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                answer = json.loads(record.value or b"{}")
                if answer.get("requestId") not in request_ids:
                    continue
                if _read_type(record) == PurgeProgressed.ce_type():
                    output.print_error(f"{answer['service']}: {_format_counts(answer['removed'])}.")
                else:
                    answers[answer["requestId"]] = answer
    return answers


def _read_type(record: ConsumerRecord[bytes | None, bytes | None]) -> str:
    return (dict(record.headers).get("ce_type") or b"").decode()


def _has_begun(answer: Answer) -> bool:
    return "rows" in answer


def _format_counts(removed: dict[str, int]) -> str:
    """Return counts as text; a name may be a table, or a table with the cleared column."""
    return ", ".join(f"{count:,} of {name}" for name, count in removed.items())


def _build_record(settings: Settings, request: RecordRequest) -> Record:
    source, at = f"{settings.namespace}/cli", datetime.now(UTC)
    record = Record(
        key=request.key.encode(),
        value=request.model_dump_json(by_alias=True).encode(),
        headers=tuple(build_headers(request, id=request.request_id, source=source, time=at)),
    )
    if record.size > LARGEST_RECORD:
        raise InvalidUsageError(
            f"A thousand of these rows are {record.size:,} bytes, at most {LARGEST_RECORD:,} fit: "
            "give fewer at a time."
        )
    return record


def _list_saved_keys(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield the keys of inserted and updated rows, by table, such as `inserted Tags: 5, 6`."""
    for what in ("inserted", "updated"):
        by_table: defaultdict[str, list[str]] = defaultdict(list)
        for answer in answers:
            for table, keys in answer.get(what, {}).items():
                by_table[table] += [_format_key(key) for key in keys]
        for table, texts in by_table.items():
            more = len(texts) - MAX_LISTED_KEYS
            ending = f" and {more:,} more; --json lists all" if more > 0 else ""
            yield f"{what} {table}: {', '.join(texts[:MAX_LISTED_KEYS])}{ending}"


def _format_key(key: Mapping[str, object]) -> str:
    """Return a primary key: the id alone, or its columns with their values."""
    if key.keys() == {"id"}:
        return str(key["id"])
    return " ".join(f"{name}={value}" for name, value in key.items())


def _format_summary(table: str, answers: Sequence[Answer]) -> str:
    counts = {
        what: sum(len(keys) for a in answers for keys in a.get(what, {}).values())
        for what in ("inserted", "updated", "deleted")
    }
    counts["being deleted"] = sum(answer.get("rows", 0) for answer in answers)
    changes = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    removed: Counter[str] = Counter()
    for answer in answers:
        removed.update(answer.get("removed", {}))
    with_it = f" with {_format_counts(removed)}" if removed else ""
    return f"{table}: {changes or 'nothing to do'}{with_it}."
