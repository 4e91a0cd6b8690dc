"""Members that a contract does not have, through a whole batch: answers, dead letters, the log."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from shared.contracts.campaign import CampaignSend
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.contracts.ticket import TicketRefused
from shared.contracts.ticket_request import TicketClose
from shared.delivery.batch.request_results import answer_once
from shared.delivery.subscription import Subscription
from tests.integration.delivery.bench import PLACE, Bench, emit_sends
from tests.support.build import job

pytestmark = pytest.mark.integration

REQUESTS = TopicPartition("chatia.tickets.requests", 0)
CLOSE = {"companyId": 1, "ticketId": 5, "mediaUrl": "x", "scheduledAt": "amanhã"}


def build_record(place: TopicPartition, offset: int, body: dict[str, Any]) -> Any:
    value = json.dumps(body).encode()
    return ConsumerRecord(place.topic, 0, offset, 1_000, 0, b"1:5", value, None, 0, 0, ())


async def refuse(_: AsyncConnection, batch: Sequence[TicketClose]) -> Outcome:
    return [
        Emit(
            request,
            TicketRefused(
                company_id=1, ticket_id=5, request_id=request.request_id, reason="It is closed."
            ),
        )
        for request in batch
    ]


async def test_the_answer_names_them_also_when_the_request_is_repeated(bench: Bench) -> None:
    bench.consumer.ours = {REQUESTS}
    handler = answer_once("tickets", refuse, (TicketRefused,))
    bench.build_worker((Subscription((TicketClose,), handler),), service="tickets")
    bodies = [
        CLOSE | {"requestId": "a"},
        {"companyId": 1, "ticketId": 5, "requestId": "b"},
        CLOSE | {"requestId": "a"},
    ]
    await bench.worker.partitions.claim([REQUESTS])
    await bench.worker.consume([build_record(REQUESTS, n, body) for n, body in enumerate(bodies)])
    answers = [json.loads(value) for value in bench.publisher.values]
    named = ["mediaUrl", "scheduledAt"]
    assert [answer.get("ignored") for answer in answers] == [named, None, named]


async def test_the_dead_letter_of_a_job_names_them_and_the_log_those_of_the_others(
    bench: Bench,
) -> None:
    async def reject_first(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        rest = await emit_sends(conn, batch[1:])
        return [Reject(batch[0], "unknown-campaign", "there is none"), *rest]

    bench.subscribe(reject_first)
    body = job().model_dump(mode="json", by_alias=True) | {"scheduledAt": "x"}
    await bench.worker.partitions.claim([PLACE])
    with capture_logs() as logs:
        await bench.worker.consume([build_record(PLACE, n, body) for n in range(3)])
    async with bench.engine.connect() as conn:
        (detail,) = (await conn.execute(text('SELECT detail FROM "DeadLetters"'))).scalars()
    assert detail == "there is none; ignored: scheduledAt"
    (named,) = (entry for entry in logs if entry["event"] == "event.members_ignored")
    assert (named["service"], named["ignored"]) == ("campaigns", ("scheduledAt",))


async def test_of_a_record_that_is_rejected_without_its_content_only_the_reason_is_stored(
    bench: Bench,
) -> None:
    async def reject_all(_: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        return [Reject(each, "too-old", "it is old", keeps_content=False) for each in batch]

    bench.subscribe(reject_all)
    body = job().model_dump(mode="json", by_alias=True)
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([build_record(PLACE, 0, body)])
    async with bench.engine.connect() as conn:
        columns = 'reason, detail, "companyId", "offset", body, key, headers'
        row = (await conn.execute(text(f'SELECT {columns} FROM "DeadLetters"'))).one()  # noqa: S608 - the test's own
    assert tuple(row) == ("too-old", "it is old", 1, 0, None, None, [])
