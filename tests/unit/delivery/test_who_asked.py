"""Requests say who asked, as the audit names them."""

import pytest

from shared.contracts.base import Request
from shared.contracts.contact_request import ContactDelete
from shared.contracts.message_request import MessageCompose, MessageDelete
from shared.contracts.record_request import TicketsRecordSave
from shared.contracts.ticket_request import TicketAccept, TicketClose, TicketOpen

OF = {"company_id": 1, "request_id": "r"}
CHAT = {**OF, "whatsapp_id": 10, "chat": "5511900000001"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (TicketsRecordSave(**OF, table="Tags", rows=({"name": "VIP"},), actor="Ana"), "Ana"),
        (TicketsRecordSave(**OF, table="Tags", rows=({"name": "VIP"},)), None),
        (TicketClose(**OF, ticket_id=12, actor_id=5), "user 5"),
        (TicketClose(**OF, ticket_id=12), None),
        (TicketAccept(**OF, ticket_id=12, user_id=6), "user 6"),
        (TicketAccept(**OF, ticket_id=12, user_id=6, actor_id=5), "user 5"),
        (TicketOpen(**OF, whatsapp_id=10, contact_id=3, user_id=5), "user 5"),
        (MessageCompose(**CHAT, body="Oi", user_id=5), "user 5"),
        (MessageCompose(**CHAT, body="Oi"), None),
        (MessageDelete(**CHAT, wid="W1", user_id=5), "user 5"),
        (ContactDelete(**OF, contact_id=3), None),
    ],
)
def test_a_request_says_who_asked(request_: Request, expected: str | None) -> None:
    assert request_.asked_by == expected
