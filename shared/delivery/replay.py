"""Dead letters back on their topic: for whom a replay is, and what becomes of its letter.

A record is a replay only if a letter of the service that it names says so: same topic, same key.
Anything else that carries these headers is an ordinary record, so nobody can hide one by them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import columns, statement
from shared.delivery.dead_letters import DeadLetter, dead_letter
from shared.delivery.decode import Record

REPLAY_FOR = "chatia-replay-for"
LETTER_ID = "chatia-dead-letter-id"
LONGEST_ID = 18  # digits that fit a bigint whatever they are
LEFT_OUT = {"ce_source", "ce_sequence", REPLAY_FOR, LETTER_ID}
WAITING = {"open", "replayed"}

# A letter is locked before its effect, so that an operator cannot discard it in between.
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

# The row takes over what failed last, because that is what its reason speaks of.
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


@dataclass(frozen=True, slots=True)
class Claim:
    """What a record's headers say: a replay of this letter, for this service."""

    service: str
    letter_id: int


@dataclass(frozen=True, slots=True)
class Letter:
    """As much of a dead letter as tells whether a record is its replay."""

    id: int
    service: str
    topic: str
    key: bytes | None
    status: str


def claim_of(record: Record) -> Claim | None:
    """Read the two headers; unless both are there and readable, the record claims nothing."""
    service, number = None, b""
    for name, value in record.headers:
        if name == REPLAY_FOR:
            service = (value or b"").decode("latin-1")
        elif name == LETTER_ID:
            number = value or b""
    if not service or not number.isdigit() or len(number) > LONGEST_ID:
        return None
    return Claim(service, int(number))


def headers_for(
    letter_id: int, service: str, headers: Iterable[tuple[str, bytes | None]]
) -> tuple[tuple[str, bytes | None], ...]:
    """Give a letter's headers as its replay carries them: without its place in a sequence."""
    kept = tuple((name, value) for name, value in headers if name not in LEFT_OUT)
    return (
        *kept,
        (REPLAY_FOR, service.encode()),
        (LETTER_ID, str(letter_id).encode()),
    )


class Replays:
    """The replays in a batch: each letter is tried once, and ends with the batch's transaction."""

    def __init__(self, service: str, letters: Iterable[Letter]) -> None:
        self._service = service
        self._letters = {letter.id: letter for letter in letters}
        self._tried: dict[int, Record] = {}

    def fate(self, record: Record) -> str:
        """Say why a record is not to be read, `skipped` or `repeated`; empty where it is."""
        claim = claim_of(record) if self._letters else None
        letter = claim and self._letters.get(claim.letter_id)
        if not claim or not letter or not _belongs(record, claim, letter):
            return ""
        if letter.service != self._service:
            return "skipped"
        if letter.status not in WAITING or letter.id in self._tried:
            return "repeated"
        self._tried[letter.id] = record
        return ""

    async def settle(
        self, conn: AsyncConnection, carried: Iterable[Record], letters: Sequence[DeadLetter]
    ) -> list[DeadLetter]:
        """Resolve or reopen the letters that were tried; gives the dead letters that are new."""
        if not self._tried:
            return list(letters)
        failed = {_place(letter): letter for letter in reversed(letters)}
        done = {_place(record) for record in carried} - failed.keys()
        resolved = [i for i, record in self._tried.items() if _place(record) in done]
        reopened = {
            i: failed.get(_place(record)) or _unheard(record)
            for i, record in self._tried.items()
            if _place(record) not in done
        }
        if resolved:
            await conn.execute(RESOLVE, {"ids": resolved})
        if reopened:
            await conn.execute(REOPEN, _as_columns(reopened))
        ours = {_place(record) for record in self._tried.values()}
        return [letter for letter in letters if _place(letter) not in ours]


async def find(conn: AsyncConnection, service: str, records: Iterable[Record]) -> Replays:
    """Look up the letters that records name and lock this service's; mostly there are none."""
    claims = [claim for record in records if (claim := claim_of(record))]
    own = {claim.letter_id for claim in claims if claim.service == service}
    foreign = {claim.letter_id for claim in claims if claim.service != service}
    return Replays(
        service,
        [
            *await _letters(conn, LOCK_OWN, service, own),
            *await _letters(conn, READ_FOREIGN, service, foreign),
        ],
    )


async def _letters(
    conn: AsyncConnection, sql: TextClause, service: str, ids: set[int]
) -> list[Letter]:
    if not ids:
        return []
    rows = await conn.execute(sql, {"ids": sorted(ids), "service": service})
    return [Letter(*row) for row in rows]


def _belongs(record: Record, claim: Claim, letter: Letter) -> bool:
    claimed = (claim.service, record.topic, record.key)
    return claimed == (letter.service, letter.topic, letter.key)


def _place(found: Record | DeadLetter) -> tuple[str, int, int]:
    return found.topic, found.partition, found.offset


def _unheard(record: Record) -> DeadLetter:
    """Keep the letter of a record that would otherwise be skipped without a trace."""
    return dead_letter(record, "unheard-type", "no reader of this service takes a record like this")


def _as_columns(reopened: dict[int, DeadLetter]) -> dict[str, list[object]]:
    letters = list(reopened.values())
    names = ("headers", "body", "reason", "detail", "sqlstate")
    return {"ids": list(reopened), **columns(letters, names)}
