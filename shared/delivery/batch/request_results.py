"""Idempotent requests: a repeated request gets the answer that is stored in "Requests"."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event, Request
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.db.bulk import ConcurrentUpdateError, rows_as_columns, source, statement
from shared.delivery.subscription import Handler, Timer

KEPT = timedelta(days=30)
DELETE_EVERY_MS = 3_600_000
MOST_DELETED = 50_000  # rows in one transaction


class RequestKey(NamedTuple):
    """The key of a request in one service."""

    company_id: int
    request_id: str


Answers = dict[RequestKey, list[dict[str, Any]]]

LOAD = statement(f"""
SELECT r."companyId", r."requestId", r.answer
FROM {source(RequestKey)}
JOIN "Requests" r ON r.service = :service AND r."companyId" = b.company_id
  AND r."requestId" = b.request_id
""")

SAVE = statement(f"""
INSERT INTO "Requests" (service, "companyId", "requestId", answer, type, actor)
SELECT :service, b.*
FROM {source(RequestKey, answer="jsonb", type="text", actor="text")}
ORDER BY b.company_id, b.request_id
ON CONFLICT (service, "companyId", "requestId") DO NOTHING
RETURNING 1
""")

DELETE_OLD = statement("""
DELETE FROM "Requests" WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM "Requests"
  WHERE service = :service AND "createdAt" < now() - CAST(:kept AS interval) LIMIT :most))
""")


def answer_once(service: str, handler: Handler, publishes: Iterable[type[Event]]) -> Handler:
    """Return a handler that runs `handler` once per request id, and repeats its answer afterwards.

    Answers are saved in the transaction of their effect. A rejected request has no answer: its
    replay runs again.
    """
    contracts = {contract.ce_type(): contract for contract in publishes}

    async def answer(conn: AsyncConnection, batch: Sequence[Request]) -> Outcome:
        answers = await _load(conn, service, batch)
        first: dict[RequestKey, Request] = {}
        for request in batch:
            first.setdefault(_get_key(request), request)
        new_requests = [request for key, request in first.items() if key not in answers]
        outcome = await handler(conn, new_requests) if new_requests else []
        new_answers, rejects = _group_by_request(new_requests, outcome)
        if new_answers:
            await _save(conn, service, new_answers, first)
        answers |= new_answers
        tried = {id(request) for request in new_requests}
        for request in batch:
            if id(request) not in tried:
                outcome += _repeat(request, answers, rejects, contracts)
        return outcome

    return answer


def _group_by_request(
    requests: Iterable[Request], outcome: Outcome
) -> tuple[Answers, dict[RequestKey, Reject]]:
    rejects = {_get_key(item.cause): item for item in outcome if isinstance(item, Reject)}
    answers: Answers = {_get_key(request): [] for request in requests}
    for item in outcome:
        if isinstance(item, Emit):
            answers[_get_key(item.cause)].append(encode_fact(item.fact))
    return {key: facts for key, facts in answers.items() if key not in rejects}, rejects


def _repeat(
    request: Request,
    answers: Answers,
    rejects: Mapping[RequestKey, Reject],
    contracts: Mapping[str, type[Event]],
) -> Outcome:
    key = _get_key(request)
    if key in rejects:
        return [Reject(request, rejects[key].reason, rejects[key].detail)]
    return [
        Emit(request, contracts[fact["type"]].model_validate(fact["data"])) for fact in answers[key]
    ]


def build_cleanup_timer(service: str) -> Timer:
    """Return a timer that deletes answers older than 30 days, at most 50,000 an hour."""

    async def delete_old(conn: AsyncConnection) -> Sequence[Event]:
        await conn.execute(DELETE_OLD, {"service": service, "kept": KEPT, "most": MOST_DELETED})
        return []

    return Timer("old-answers", DELETE_EVERY_MS, delete_old)


async def _load(conn: AsyncConnection, service: str, batch: Iterable[Request]) -> Answers:
    rows = await conn.execute(LOAD, {"service": service, **_build_columns(map(_get_key, batch))})
    return {RequestKey(row.companyId, row.requestId): row.answer for row in rows}


async def _save(
    conn: AsyncConnection, service: str, answers: Answers, requests: Mapping[RequestKey, Request]
) -> None:
    """Save answers; raises ConcurrentUpdateError if another worker has answered a request."""
    keys = sorted(answers)
    columns = {
        "answer": [json.dumps(answers[key]) for key in keys],
        "type": [requests[key].type for key in keys],
        "actor": [requests[key].asked_by for key in keys],
    }
    rows = await conn.execute(SAVE, {"service": service, **columns, **_build_columns(keys)})
    if len(rows.all()) != len(answers):
        raise ConcurrentUpdateError


def _build_columns(keys: Iterable[RequestKey]) -> Mapping[str, list[Any]]:
    return rows_as_columns(sorted(set(keys)), RequestKey)


def _get_key(request: BaseModel) -> RequestKey:
    """Return the key of a request; raises if the cause of an answer is not a request."""
    if not isinstance(request, Request):
        raise TypeError(f"{type(request).__name__} is no request: answer it from its own handler")
    return RequestKey(request.company_id, request.request_id)


def encode_fact(fact: Event) -> dict[str, Any]:
    """Return a fact as "Requests".answer stores it: its type, and its JSON members as `data`."""
    return {"type": fact.ce_type(), "data": fact.model_dump(mode="json", by_alias=True)}
