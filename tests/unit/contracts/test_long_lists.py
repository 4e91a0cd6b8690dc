"""A long list in a request: the first wrong element is told, and no other is looked at."""

import json

import pytest
from pydantic import ValidationError

from shared.contracts.base import Request
from shared.contracts.contact_request import ContactSave
from shared.contracts.record_request import DELETES, SAVES
from shared.contracts.ticket_request import TicketTag, TicketUntag
from shared.contracts.trouble import first_trouble

LONG = 20_000


@pytest.mark.parametrize(
    ("contract", "member"),
    [
        *((contract, "rows") for contract in (*SAVES.values(), *DELETES.values())),
        *((contract, "tagIds") for contract in (TicketTag, TicketUntag, ContactSave)),
        (ContactSave, "walletIds"),
    ],
)
def test_no_element_is_looked_at_after_a_wrong_one(contract: type[Request], member: str) -> None:
    asked = {"companyId": 1, "requestId": "r", "table": "Tags", "ticketId": 1, "contactId": 1}
    with pytest.raises(ValidationError) as caught:
        contract.model_validate_json(json.dumps({**asked, member: [[]] * LONG}))
    assert caught.value.error_count() <= 2  # with that of the length of what was read
    assert first_trouble(caught.value).startswith(f"{member}.0: ")
