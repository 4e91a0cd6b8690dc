"""Requests from outside are answered once: a repetition gets the same answer, from a table."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event, Request
from shared.contracts.outcome import Dead, Outcome, Told
from shared.db.bulk import RacedError, statement
from shared.delivery.subscription import Handler, Timer

KEPT = timedelta(days=30)
FORGET_EVERY_MS = 3_600_000
MOST_FORGOTTEN = 50_000  # rows in one transaction

Asked = tuple[int, str]
Answers = dict[Asked, list[dict[str, Any]]]

LOAD = statement("""
SELECT r."companyId", r."requestId", r.answer
FROM unnest(CAST(:company_id AS int[]), CAST(:request_id AS text[])) AS b(company_id, request_id)
JOIN "Requests" r ON r.service = :service AND r."companyId" = b.company_id
  AND r."requestId" = b.request_id
""")

SAVE = statement("""
INSERT INTO "Requests" (service, "companyId", "requestId", answer)
SELECT :service, b.*
FROM unnest(CAST(:company_id AS int[]), CAST(:request_id AS text[]), CAST(:answer AS jsonb[]))
  AS b(company_id, request_id, answer)
ORDER BY b.company_id, b.request_id
ON CONFLICT (service, "companyId", "requestId") DO NOTHING
RETURNING 1
""")

FORGET = statement("""
DELETE FROM "Requests" WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM "Requests"
  WHERE service = :service AND "createdAt" < now() - CAST(:kept AS interval) LIMIT :most))
""")


def answered_once(service: str, handler: Handler, tells: Iterable[type[Event]]) -> Handler:
    """Let a handler see each request once, and tell its facts again when it is repeated.

    An answer is kept in the transaction of its effect. A request that became a dead letter has no
    answer: its replay is tried anew.
    """
    facts = {fact.ce_type(): fact for fact in tells}

    async def answer(conn: AsyncConnection, batch: Sequence[Request]) -> Outcome:
        answers = await _load(conn, service, batch)
        first: dict[Asked, Request] = {}
        for request in batch:
            first.setdefault(_asked(request), request)
        fresh = [request for asked, request in first.items() if asked not in answers]
        outcome = await handler(conn, fresh) if fresh else []
        new, dead = _sorted_by_request(fresh, outcome)
        if new:
            await _save(conn, service, new)
        answers |= new
        tried = {id(request) for request in fresh}
        for request in batch:
            if id(request) not in tried:
                outcome += _again(request, answers, dead, facts)
        return outcome

    return answer


def _sorted_by_request(
    fresh: Iterable[Request], outcome: Outcome
) -> tuple[Answers, dict[Asked, Dead]]:
    dead = {_asked(item.cause): item for item in outcome if isinstance(item, Dead)}
    answers: Answers = {_asked(request): [] for request in fresh}
    for item in outcome:
        if isinstance(item, Told):
            answers[_asked(item.cause)].append(stored(item.fact))
    return {asked: kept for asked, kept in answers.items() if asked not in dead}, dead


def _again(
    request: Request,
    answers: Answers,
    dead: Mapping[Asked, Dead],
    facts: Mapping[str, type[Event]],
) -> Outcome:
    asked = _asked(request)
    if asked in dead:
        return [Dead(request, dead[asked].reason, dead[asked].detail)]
    return [
        Told(request, facts[kept["type"]].model_validate(kept["data"])) for kept in answers[asked]
    ]


def forgetting(service: str) -> Timer:
    """Forget answers that are older than 30 days."""

    async def forget(conn: AsyncConnection) -> Sequence[Event]:
        await conn.execute(FORGET, {"service": service, "kept": KEPT, "most": MOST_FORGOTTEN})
        return []

    return Timer("old-answers", FORGET_EVERY_MS, forget)


async def _load(conn: AsyncConnection, service: str, batch: Iterable[Request]) -> Answers:
    rows = await conn.execute(LOAD, {"service": service, **_columns(map(_asked, batch))})
    return {(row[0], row[1]): row[2] for row in rows}


async def _save(conn: AsyncConnection, service: str, new: Answers) -> None:
    """Keep answers; raises RacedError where another worker has answered the same request."""
    kept = [json.dumps(answer) for _, answer in sorted(new.items())]
    rows = await conn.execute(SAVE, {"service": service, "answer": kept, **_columns(new)})
    if len(rows.all()) != len(new):
        raise RacedError


def _columns(asked: Iterable[Asked]) -> Mapping[str, list[Any]]:
    ordered = sorted(set(asked))
    return {"company_id": [a[0] for a in ordered], "request_id": [a[1] for a in ordered]}


def _asked(request: Any) -> Asked:  # noqa: ANN401 - an outcome's cause is any contract
    return request.company_id, request.request_id


def stored(fact: Event) -> dict[str, Any]:
    """Give a fact as an answer holds it."""
    return {"type": fact.ce_type(), "data": fact.model_dump(mode="json", by_alias=True)}
