"""Records that can never take effect, kept with their reason for an operator to mend."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.db.bulk import all_columns, statement
from shared.delivery.blanking import without_secrets
from shared.delivery.decode import TOO_LARGE, Record, headers_of
from shared.delivery.header_names import as_bytes
from shared.delivery.outbox import moment
from shared.delivery.quarantine import line_of, storable_text
from shared.delivery.too_large import TooLarge
from shared.gateways.redaction import is_secret

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
    record: Record,
    reason: str,
    detail: str,
    sqlstate: str | None = None,
    company_id: int | None = None,
) -> DeadLetter:
    """Describe a record that is given up; secrets in its headers and body are blanked.

    One that is too large is given up for that, whatever else is wrong: it has no body to keep.
    `company_id` is whose it is, for whoever may read that company's letters and for its deletion:
    None where nobody knows.
    """
    headers = [(as_bytes(name), value) for name, value in record.headers]
    body = record.value
    if isinstance(body, TooLarge):
        reason, detail, body = TOO_LARGE, body.says, None
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        headers=json.dumps([(_storable(n), _storable(_shown(n, v))) for n, v in headers]),
        body=without_secrets(record.topic, body),
        reason=reason,
        detail=storable_text(detail),
        sqlstate=sqlstate,
        company_id=company_id,
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


def claimed_company(record: Record) -> int | None:
    """Give the company that a record of our own topics is of, by its header and its key.

    Only who may publish on our topics is believed; a claim that contradicts itself is none.
    """
    headers = headers_of(record)
    in_header = getattr(headers, "company_id", "")
    in_key = (record.key or b"").split(b":")[0].decode("ascii", "replace")
    claims = {_as_id(claim) for claim in (in_header, in_key)} - {None}
    return claims.pop() if len(claims) == 1 else None


def _as_id(claim: str) -> int | None:
    if claim.isascii() and claim.isdigit() and len(claim) <= len(str(LARGEST_ID)):
        return number if (number := int(claim)) <= LARGEST_ID else None
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
