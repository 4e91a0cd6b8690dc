"""Dead letters: records that can never take effect, stored with reason and detail."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.outcome import RejectWaiting
from shared.db.bulk import BigInt, Json, rows_as_columns, source, statement
from shared.delivery.dead_letters.blanking import blank_secrets
from shared.delivery.dead_letters.quarantine import find_line, make_storable
from shared.delivery.kafka.header_names import encode_name
from shared.delivery.kafka.outgoing import convert_timestamp
from shared.delivery.kafka.record import TOO_LARGE, Record, parse_headers
from shared.delivery.kafka.too_large import TooLarge
from shared.gateways.normalize.redaction import is_secret

LARGEST_ID = 2**31 - 1
NO_PARTITION = -1  # of events that waited in a table since their record was consumed


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of "DeadLetters", before it has an id."""

    topic: str
    partition: int
    offset: BigInt
    key: bytes | None
    headers: Json
    body: bytes | None
    reason: str
    detail: str
    sqlstate: str | None
    company_id: int | None
    record_timestamp: datetime
    line: str


INSERT = statement(f"""
INSERT INTO "DeadLetters" (service, topic, partition, "offset", key, headers, body, reason,
                           detail, sqlstate, "companyId", "recordTimestamp", line, epoch)
SELECT :service, b.*
FROM {source(DeadLetter, epoch="int")}
ON CONFLICT (service, topic, partition, epoch, "offset") DO NOTHING
""")


def build_dead_letter(
    record: Record,
    reason: str,
    detail: str,
    sqlstate: str | None = None,
    company_id: int | None = None,
) -> DeadLetter:
    """Build the dead letter of a record; secrets in its headers and body are blanked.

    A too large record has no body; `too-large` then replaces any other reason.
    `company_id` decides who may read the dead letter and with which company it is deleted; it is
    set only for trusted topics or registered connections.
    """
    headers = [(encode_name(name), value) for name, value in record.headers]
    body = record.value
    if isinstance(body, TooLarge):
        reason, detail, body = TOO_LARGE, body.explanation, None
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        headers=json.dumps([(_to_text(n), _to_text(_blank_header(n, v))) for n, v in headers]),
        body=blank_secrets(record.topic, body),
        reason=reason,
        detail=make_storable(detail),
        sqlstate=sqlstate,
        company_id=company_id,
        record_timestamp=convert_timestamp(record.timestamp),
        line=find_line(record),
    )


def drop_content(dead_letter: DeadLetter) -> DeadLetter:
    """Return a dead letter that says why and where its record was rejected, without the record."""
    return replace(dead_letter, key=None, headers="[]", body=None)


def restore_headers(stored: Iterable[Sequence[str | None]]) -> list[tuple[str, bytes | None]]:
    r"""Return stored headers as the bytes that were consumed, without NUL.

    A name that is not UTF-8 becomes a text such as `\xff`, because clients send UTF-8 only.
    """
    return [
        (
            (name or "").encode("latin-1").decode(errors="backslashreplace"),
            value if value is None else value.encode("latin-1"),
        )
        for name, value in stored
    ]


def _to_text(value: bytes | None) -> str | None:
    """Return any bytes as text that jsonb accepts: without NUL."""
    return None if value is None else value.decode("latin-1").replace("\x00", "")


def _blank_header(name: bytes, value: bytes | None) -> bytes | None:
    return b"" if value and is_secret(name.decode("latin-1")) else value


def read_trusted_company(record: Record) -> int | None:
    """Return the company in the header and the key of a record, None if they differ.

    Call this only for our own topics, whose producers are trusted.
    """
    headers = parse_headers(record)
    in_header = getattr(headers, "company_id", "")
    in_key = (record.key or b"").split(b":")[0].decode("ascii", "replace")
    claims = {_parse_id(claim) for claim in (in_header, in_key)} - {None}
    return claims.pop() if len(claims) == 1 else None


def _parse_id(claim: str) -> int | None:
    if claim.isascii() and claim.isdigit() and len(claim) <= len(str(LARGEST_ID)):
        return number if (number := int(claim)) <= LARGEST_ID else None
    return None


def build_waiting_dead_letter(rejected: RejectWaiting, namespace: str) -> DeadLetter:
    """Build the dead letter of an event that waited in a table; its offset is its id there."""
    event = rejected.cause
    type_header = ("ce_type", event.ce_type())
    return DeadLetter(
        topic=f"{namespace}.{event.topic}",
        partition=NO_PARTITION,
        offset=rejected.number,
        key=event.key.encode(),
        headers=json.dumps([type_header]),
        body=event.model_dump_json(by_alias=True).encode(),
        reason=rejected.reason,
        detail=rejected.detail,
        sqlstate=None,
        company_id=event.company_id,
        record_timestamp=rejected.received_at,
        line=":".join(event.key.split(":")[:2]),
    )


async def save(
    conn: AsyncConnection,
    service: str,
    dead_letters: Sequence[DeadLetter],
    epochs: Mapping[TopicPartition, int],
) -> None:
    """Insert dead letters; a record is stored only once per epoch.

    `epochs` are those of the partitions of their records.
    """
    epoch = [_find_epoch(dead_letter, epochs) for dead_letter in dead_letters]
    await conn.execute(
        INSERT, {"service": service, "epoch": epoch, **rows_as_columns(dead_letters, DeadLetter)}
    )


def _find_epoch(dead_letter: DeadLetter, epochs: Mapping[TopicPartition, int]) -> int:
    if dead_letter.partition == NO_PARTITION:
        return 0
    return epochs[TopicPartition(dead_letter.topic, dead_letter.partition)]
