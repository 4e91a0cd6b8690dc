"""Replays: dead letters published again on their topic, for the one service that rejected them.

A record is a replay only if the dead letter that it names has the same service, topic and key. Any
other record with these headers is processed normally, so that nobody can hide a record with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import columns, statement
from shared.delivery.dead_letters.store import DeadLetter, build_dead_letter
from shared.delivery.kafka.record import Record

REPLAY_FOR = "chatia-replay-for"
LETTER_ID = "chatia-dead-letter-id"
LONGEST_ID = 18  # digits that always fit a bigint
NOT_REPLAYED = {"ce_source", "ce_sequence", REPLAY_FOR, LETTER_ID}
WAITING = {"open", "replayed"}

# A dead letter is locked before its replay takes effect, so that an operator cannot discard it.
LOCK_OWN = statement("""
SELECT id, service, topic, key, status FROM "DeadLetters"
WHERE id = ANY(CAST(:ids AS bigint[])) AND service = :service
ORDER BY id FOR NO KEY UPDATE
""")

READ_FOREIGN = statement("""
SELECT id, service, topic, key, status FROM "DeadLetters"
WHERE id = ANY(CAST(:ids AS bigint[])) AND service <> :service
""")

RESOLVE = statement("""
UPDATE "DeadLetters"
SET status = 'resolved', "updatedAt" = now(),
    history = history || jsonb_build_object('did', 'resolved', 'at', now())
WHERE id = ANY(CAST(:ids AS bigint[]))
""")

# The row gets the headers and body of the failed replay, to which its reason applies.
REOPEN = statement("""
UPDATE "DeadLetters" l
SET status = 'open', attempts = l.attempts + 1, headers = b.headers, body = b.body,
    reason = b.reason, detail = b.detail, sqlstate = b.sqlstate, "updatedAt" = now(),
    history = l.history || jsonb_build_object('did', 'failed', 'at', now(), 'reason', b.reason)
FROM unnest(CAST(:ids AS bigint[]), CAST(:headers AS jsonb[]), CAST(:body AS bytea[]),
            CAST(:reason AS text[]), CAST(:detail AS text[]), CAST(:sqlstate AS text[]))
  AS b(id, headers, body, reason, detail, sqlstate)
WHERE l.id = b.id
""")


class SkipReason(StrEnum):
    """Why a replay is skipped; the values are those of `Count`."""

    OF_OTHER_SERVICE = "skipped"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Claim:
    """The two headers of a replay: the service and the dead letter's id."""

    service: str
    dead_letter_id: int


@dataclass(frozen=True, slots=True)
class ReplayTarget:
    """The columns of a dead letter that are compared with a replay's record."""

    id: int
    service: str
    topic: str
    key: bytes | None
    status: str


def read_claim(record: Record) -> Claim | None:
    """Return the two headers of a replay, None if one is missing or invalid."""
    service, number = None, b""
    for name, value in record.headers:
        if name == REPLAY_FOR:
            service = (value or b"").decode("latin-1")
        elif name == LETTER_ID:
            number = value or b""
    if not service or not number.isdigit() or len(number) > LONGEST_ID:
        return None
    return Claim(service, int(number))


def build_replay_headers(
    dead_letter_id: int, service: str, headers: Iterable[tuple[str, bytes | None]]
) -> tuple[tuple[str, bytes | None], ...]:
    """Return the headers of a replay: those of the dead letter, without source and sequence."""
    kept = tuple((name, value) for name, value in headers if name not in NOT_REPLAYED)
    return (
        *kept,
        (REPLAY_FOR, service.encode()),
        (LETTER_ID, str(dead_letter_id).encode()),
    )


class Replays:
    """The replays in a batch; each dead letter is tried once, in the batch's transaction."""

    def __init__(self, service: str, letters: Iterable[ReplayTarget]) -> None:
        self._service = service
        self._letters = {letter.id: letter for letter in letters}
        self._tried: dict[int, Record] = {}

    def find_skip_reason(self, record: Record) -> SkipReason | None:
        """Return why a record is skipped; None if it is to be applied."""
        claim = read_claim(record) if self._letters else None
        letter = claim and self._letters.get(claim.dead_letter_id)
        if not claim or not letter or not _is_replay(record, claim, letter):
            return None
        if letter.service != self._service:
            return SkipReason.OF_OTHER_SERVICE
        if letter.status not in WAITING or letter.id in self._tried:
            return SkipReason.REPEATED
        self._tried[letter.id] = record
        return None

    async def resolve(
        self,
        conn: AsyncConnection,
        handled: Iterable[Record],
        dead_letters: Sequence[DeadLetter],
    ) -> list[DeadLetter]:
        """Resolve the dead letters whose replay was handled, and open those that failed again.

        Returns the dead letters of records that are not replays: only those have no row yet.
        """
        if not self._tried:
            return list(dead_letters)
        failed = {_locate(letter): letter for letter in reversed(dead_letters)}
        done = {_locate(record) for record in handled} - failed.keys()
        resolved = [i for i, record in self._tried.items() if _locate(record) in done]
        reopened = {
            i: failed.get(_locate(record)) or _build_unheard(record)
            for i, record in self._tried.items()
            if _locate(record) not in done
        }
        if resolved:
            await conn.execute(RESOLVE, {"ids": resolved})
        if reopened:
            await conn.execute(REOPEN, _build_columns(reopened))
        replayed = {_locate(record) for record in self._tried.values()}
        return [letter for letter in dead_letters if _locate(letter) not in replayed]


async def load_replays(conn: AsyncConnection, service: str, records: Iterable[Record]) -> Replays:
    """Load the dead letters that records name, and lock those of this service."""
    claims = [claim for record in records if (claim := read_claim(record))]
    own = {claim.dead_letter_id for claim in claims if claim.service == service}
    foreign = {claim.dead_letter_id for claim in claims if claim.service != service}
    return Replays(
        service,
        [
            *await _load_letters(conn, LOCK_OWN, service, own),
            *await _load_letters(conn, READ_FOREIGN, service, foreign),
        ],
    )


async def _load_letters(
    conn: AsyncConnection, sql: TextClause, service: str, ids: set[int]
) -> list[ReplayTarget]:
    if not ids:
        return []
    rows = await conn.execute(sql, {"ids": sorted(ids), "service": service})
    return [ReplayTarget(*row) for row in rows]


def _is_replay(record: Record, claim: Claim, letter: ReplayTarget) -> bool:
    claimed = (claim.service, record.topic, record.key)
    return claimed == (letter.service, letter.topic, letter.key)


def _locate(item: Record | DeadLetter) -> tuple[str, int, int]:
    return item.topic, item.partition, item.offset


def _build_unheard(record: Record) -> DeadLetter:
    """Build the dead letter of a replay to whose type the service does not subscribe."""
    return build_dead_letter(
        record, "unheard-type", "no reader of this service takes a record like this"
    )


def _build_columns(reopened: dict[int, DeadLetter]) -> dict[str, list[object]]:
    letters = list(reopened.values())
    names = ("headers", "body", "reason", "detail", "sqlstate")
    return {"ids": list(reopened), **columns(letters, names)}
