"""Edits, acks, reads and reactions through Kafka, Postgres and the four workers."""

from typing import Any

import pytest
import pytest_asyncio

from shared.contracts.base import Event
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.message_change import (
    MessageAcked,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from tests.support import world
from tests.support.build import CUSTOMER, at, received
from tests.support.deployment import Deployment, Record

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    await standing.empty()
    await world.company(standing, 1)
    await world.line(standing, 10, 1)
    return standing


def record(flow: Deployment, event: Event) -> Record:
    """Build the record of an event on a topic of several types."""
    plain = flow.record(event)
    headers = (("ce_type", event.ce_type().encode()),)
    return Record(plain.topic, plain.key, plain.value, headers)


async def publish(flow: Deployment, *events: Event) -> None:
    await flow.publish(*(record(flow, event) for event in events))
    await flow.settled()


def of(wid: str, minutes: float = 0, **members: object) -> dict[str, Any]:
    given = {"company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER, "wid": wid}
    return {**given, "timestamp": at(minutes), **members}


async def ticket(flow: Deployment) -> dict[str, Any]:
    (row,) = await flow.sql('SELECT "lastMessage", "unreadMessages", "fromMe" FROM "Tickets"')
    return row


async def test_a_ticket_shows_the_edited_text_in_either_order(flow: Deployment) -> None:
    await publish(flow, MessageEdited(**of("A2", 3), body="dois, por favor"))
    await publish(flow, received("A1"), received("A2", timestamp=at(1), body="doiz"))
    assert (await ticket(flow))["lastMessage"] == "dois, por favor"
    await publish(flow, MessageEdited(**of("A2", 4), body="três, por favor"))
    assert (await ticket(flow))["lastMessage"] == "três, por favor"


async def test_messages_read_on_the_phone_are_read(flow: Deployment) -> None:
    await publish(flow, received("A1"), received("A2", timestamp=at(1)))
    assert (await ticket(flow))["unreadMessages"] == 2
    await publish(flow, MessageRead(**of("A2", 2)))
    assert (await ticket(flow))["unreadMessages"] == 0


async def test_changes_are_published_with_the_version_of_the_row(flow: Deployment) -> None:
    ours = received("A1", from_me=True)
    await publish(
        flow, ours, MessageAcked(**of("A1", 1), ack=2), MessageAcked(**of("A1", 2), ack=3)
    )
    await publish(flow, MessageReacted(**of("A1", 3), emoji="👍"), MessageDeleted(**of("A1", 4)))
    updates = [f for f in await flow.facts("message.stored") if f["type"].endswith("updated.v1")]
    newest = max(updates, key=lambda fact: fact["version"])
    assert (newest["ack"], newest["isDeleted"]) == (3, True)
    assert {change for fact in updates for change in fact["changes"]} == {
        "ack",
        "reactions",
        "deleted",
    }
    (row,) = await flow.sql('SELECT author, emoji FROM "Reactions"')
    assert row == {"author": CUSTOMER, "emoji": "👍"}


async def test_the_status_of_a_line_is_the_newest_by_gateway_time(flow: Deployment) -> None:
    def state(minutes: float, status: str) -> ConnectionUpdated:
        given = {"company_id": 1, "whatsapp_id": 10, "timestamp": at(minutes), "status": status}
        return ConnectionUpdated.model_validate(given)

    await publish(flow, state(2, "CONNECTED"), state(1, "DISCONNECTED"))
    (row,) = await flow.sql('SELECT status FROM "Whatsapps"')
    assert row["status"] == "CONNECTED"
