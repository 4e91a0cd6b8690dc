"""Records that can never take effect, kept with their reason for an operator to mend."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.db.bulk import all_columns, statement
from shared.delivery.decode import Record, headers_of
from shared.delivery.header_names import as_bytes
from shared.delivery.outbox import moment
from shared.delivery.quarantine import line_of, storable_text
from shared.gateways.redaction import is_secret

# A body may be JSON, JSON in a string of JSON, or what is left of it: so names are looked for.
MEMBER = re.compile(rb'(\\*)"([\w.-]{1,60})\1"\s*:\s*')
VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"?|\{[^{}]*\}?|\[[^\[\]]*\]?|[^,}\]\s]*', re.DOTALL)
LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of "DeadLetters", before it has an id."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: str
    body: bytes | None
    reason: str
    detail: str
    sqlstate: str | None
    company_id: int | None
    record_timestamp: datetime
    line: str


INSERT = statement("""
INSERT INTO "DeadLetters" (service, topic, partition, "offset", key, headers, body, reason,
                           detail, sqlstate, "companyId", "recordTimestamp", line, epoch)
SELECT :service, b.*
FROM unnest(CAST(:topic AS text[]), CAST(:partition AS int[]), CAST(:offset AS bigint[]),
            CAST(:key AS bytea[]), CAST(:headers AS jsonb[]), CAST(:body AS bytea[]),
            CAST(:reason AS text[]), CAST(:detail AS text[]), CAST(:sqlstate AS text[]),
            CAST(:company_id AS int[]), CAST(:record_timestamp AS timestamptz[]),
            CAST(:line AS text[]), CAST(:epoch AS int[])) AS b
ON CONFLICT (service, topic, partition, epoch, "offset") DO NOTHING
""")


def dead_letter(
    record: Record, reason: str, detail: str, sqlstate: str | None = None
) -> DeadLetter:
    """Describe a record that is given up; secrets that gateways put into bodies are blanked."""
    headers = [(as_bytes(name), value) for name, value in record.headers]
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        headers=json.dumps([(_storable(n), _storable(_shown(n, v))) for n, v in headers]),
        body=_without_secrets(record.value),
        reason=reason,
        detail=storable_text(detail),
        sqlstate=sqlstate,
        company_id=_company_of(record),
        record_timestamp=moment(record.timestamp),
        line=line_of(record),
    )


def headers_as_read(stored: Iterable[Sequence[str | None]]) -> list[tuple[str, bytes | None]]:
    r"""Give stored headers back as the bytes that they were, but for NUL.

    A name that is not UTF-8 becomes a text such as `\xff`, because no client sends another.
    """
    return [
        (
            (name or "").encode("latin-1").decode(errors="backslashreplace"),
            value if value is None else value.encode("latin-1"),
        )
        for name, value in stored
    ]


def _storable(value: bytes | None) -> str | None:
    """Make any bytes fit for jsonb, which takes every character but NUL."""
    return None if value is None else value.decode("latin-1").replace("\x00", "")


def _shown(name: bytes, value: bytes | None) -> bytes | None:
    return b"" if value and is_secret(name.decode("latin-1")) else value


def _without_secrets(body: bytes | None) -> bytes | None:
    """Blank the values of secret members, however deep their JSON is quoted."""
    if body is None:
        return None
    kept, at = [], 0
    for member in MEMBER.finditer(body):
        slashes, name = member.groups()
        if member.start() >= at and is_secret(name.decode("ascii", "replace")):
            kept += [body[at : member.end()], 2 * (slashes + b'"')]
            at = _end_of_value(body, member.end(), slashes)
    return b"".join([*kept, body[at:]])


def _end_of_value(body: bytes, start: int, slashes: bytes) -> int:
    quote = slashes + b'"'
    if slashes and body.startswith(quote, start):
        end = body.find(quote, start + len(quote))
        return len(body) if end < 0 else end + len(quote)
    value = VALUE.match(body, start)
    return value.end() if value else start


def _company_of(record: Record) -> int | None:
    """Guess the company from header or key, for an operator's filter only."""
    headers = headers_of(record)
    claimed = getattr(headers, "company_id", "") or (record.key or b"").split(b":")[0].decode(
        "ascii", "replace"
    )
    if claimed.isascii() and claimed.isdigit() and len(claimed) <= len(str(LARGEST_ID)):
        company_id = int(claimed)
        return company_id if company_id <= LARGEST_ID else None
    return None


def letter_of_event(
    number: int, event: Event, namespace: str, at: datetime, reason: str, detail: str
) -> DeadLetter:
    """Describe an event that was taken from its record long ago, and is given up only now.

    Its place is no partition's: -1, and a number that its keeper gave it.
    """
    type_header = ("ce_type", event.ce_type())
    return DeadLetter(
        topic=f"{namespace}.{event.topic}",
        partition=-1,
        offset=number,
        key=event.key.encode(),
        headers=json.dumps([type_header]),
        body=event.model_dump_json(by_alias=True).encode(),
        reason=reason,
        detail=detail,
        sqlstate=None,
        company_id=event.company_id,
        record_timestamp=at,
        line=":".join(event.key.split(":")[:2]),
    )


async def save_without_record(
    conn: AsyncConnection, service: str, letters: Sequence[DeadLetter]
) -> None:
    """Store dead letters of events that have no record any more."""
    places = {TopicPartition(letter.topic, letter.partition): 0 for letter in letters}
    await save(conn, service, letters, places)


async def save(
    conn: AsyncConnection,
    service: str,
    letters: Sequence[DeadLetter],
    epochs: Mapping[TopicPartition, int],
) -> None:
    """Store a batch's dead letters; the same record of the same epoch is kept once."""
    epoch = [epochs[TopicPartition(letter.topic, letter.partition)] for letter in letters]
    await conn.execute(
        INSERT, {"service": service, "epoch": epoch, **all_columns(letters, DeadLetter)}
    )
