"""Long lists in requests: the first wrong element is reported, and no other is validated."""

import json

import pytest
from pydantic import ValidationError

from shared.contracts.base import Request
from shared.contracts.contact_request import ContactSave
from shared.contracts.error_texts import describe_first_error
from shared.contracts.record_request import DELETES, SAVES
from shared.contracts.ticket_request import TicketTag, TicketUntag

LONG = 20_000


@pytest.mark.parametrize(
    ("contract", "member"),
    [
        *((contract, "rows") for contract in (*SAVES.values(), *DELETES.values())),
        *((contract, "tagIds") for contract in (TicketTag, TicketUntag, ContactSave)),
        (ContactSave, "walletIds"),
    ],
)
def test_validation_of_a_list_stops_at_the_first_wrong_element(
    contract: type[Request], member: str
) -> None:
    request = {"companyId": 1, "requestId": "r", "table": "Tags", "ticketId": 1, "contactId": 1}
    with pytest.raises(ValidationError) as caught:
        contract.model_validate_json(json.dumps({**request, member: [[]] * LONG}))
    assert caught.value.error_count() <= 2  # with that of the length of what was read
    assert describe_first_error(caught.value).startswith(f"{member}.0: ")
