"""Messages, links and moves of people with a number, a LID and a BSUID, and what applies them."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.identifying.handler import identify_messages
from services.contacts.linking.handler import link_contacts
from shared.contracts.contact import ContactLink, ContactMove
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Emit
from tests.support.build import at, received

OLD, NEW, THIRD = "5511977000001", "5511977000002", "5511977000003"
ID, NEXT_ID = "BR.1a2B", "BR.9z8Y"
LID = "977@lid"
Event = MessageReceived | ContactLink | ContactMove


def by_number(number: str = OLD, minutes: float = 0, **members: object) -> MessageReceived:
    """Build a message of a number, so many minutes after noon."""
    jid = f"{number}@s.whatsapp.net"
    return _receive({"wid": f"N{minutes}", "chat": number, "jid": jid}, minutes, members)


def by_id(user_id: str = ID, minutes: float = 1, **members: object) -> MessageReceived:
    """Build a message of a BSUID without its number."""
    return _receive({"wid": f"U{minutes}", "chat": user_id, "jid": user_id}, minutes, members)


def by_lid(lid: str = LID, minutes: float = 1, **members: object) -> MessageReceived:
    """Build a message of a LID without its number."""
    given = {"wid": f"L{minutes}", "chat": lid, "jid": lid, "lid": lid}
    return _receive(given, minutes, members)


def by_both(minutes: float = 2, **members: object) -> MessageReceived:
    """Build a message of a number that names the BSUID too."""
    return by_number(OLD, minutes, **({"bsuid": ID} | members))


def link(**members: object) -> ContactLink:
    """Build a link; by default of a number and a BSUID, two minutes after noon."""
    given: dict[str, object] = {"company_id": 1, "request_id": "l", "number": OLD, "bsuid": ID}
    given |= {"whatsapp_id": 10, "timestamp": at(2)}
    return ContactLink.model_validate(given | members)


def link_lid(number: str, minutes: float, lid: str = LID) -> ContactLink:
    """Build a link of a LID and a number."""
    return link(number=number, lid=lid, bsuid=None, timestamp=at(minutes))


def move(**members: object) -> ContactMove:
    """Build a change of a number or a BSUID; by default five minutes after noon."""
    given: dict[str, object] = {"company_id": 1, "request_id": "m", "whatsapp_id": 10}
    return ContactMove.model_validate(given | {"timestamp": at(5)} | members)


async def apply(conn: AsyncConnection, *events: Event) -> list[object]:
    """Apply events in their order, each in a batch of its own; return the facts."""
    return [fact for event in events for fact in await apply_batch(conn, [event])]


async def apply_at_once(conn: AsyncConnection, *events: Event) -> list[object]:
    """Apply events in their order, in as few batches as possible; return the facts."""
    return [fact for run in cut_by_handler(events) for fact in await apply_batch(conn, run)]


async def apply_batch(conn: AsyncConnection, batch: Sequence[Event]) -> list[object]:
    """Apply events of one handler as one batch; return the facts."""
    messages = [event for event in batch if isinstance(event, MessageReceived)]
    requests = [event for event in batch if not isinstance(event, MessageReceived)]
    outcome = await (
        link_contacts(conn, requests) if requests else identify_messages(conn, messages)
    )
    return [item.fact for item in outcome if isinstance(item, Emit)]


def cut_by_handler(events: Sequence[Event]) -> list[list[Event]]:
    """Return events in as few batches as possible: each has the events of one handler."""
    return [list(run) for _, run in groupby(events, key=lambda event: event.topic)]


def _receive(
    given: Mapping[str, object], minutes: float, members: Mapping[str, object]
) -> MessageReceived:
    merged = {**given, "timestamp": at(minutes), **members}
    return received(str(merged.pop("wid")), **merged)
