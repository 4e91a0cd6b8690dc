"""What is wrong with a member, in words and without its value."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.base import Event
from shared.contracts.campaign import CampaignSend
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.error_texts import describe_errors
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket_request import TicketTag

JOB = {"companyId": 1, "campaignId": 3, "number": "5511987654321", "message": "Oi"}
TAG = {"companyId": 1, "requestId": "r", "ticketId": 1, "tagIds": [1]}
TEXT = {"companyId": 1, "requestId": "r", "whatsappId": 1, "chat": "55", "body": "Oi"}
STATE = {"companyId": 1, "whatsappId": 1, "status": "CONNECTED", "timestamp": 1787228103}


@pytest.mark.parametrize(
    ("contract", "body", "text"),
    [
        (CampaignSend, {**JOB, "number": "+55 (11) 98765-4321"},
         "number: digits only, with country code, or a group id"),
        (TicketTag, {**TAG, "requestId": "a b"}, "requestId: without spaces"),
        (MessageCompose, {**TEXT, "mediaUrl": "ftp://x"},
         "mediaUrl: an http or https address without spaces"),
        (MessageCompose, {**TEXT, "body": " "}, "a message needs a body, a mediaUrl or a template"),
        (TicketTag, {**TAG, "tagIds": "1"}, "tagIds: a list is wanted"),
        (TicketTag, {**TAG, "tagIds": [1.5]}, "tagIds.0: an integer is wanted"),
        (TicketTag, {**TAG, "tagIds": []}, "tagIds: at least 1 element is wanted"),
        (TicketTag, {**TAG, "tagIds": [1] * 101}, "tagIds: at most 100 elements are wanted"),
        (TicketTag, {**TAG, "ticketId": "x"}, "ticketId: an integer is wanted"),
        (TicketTag, {**TAG, "requestId": 5}, "requestId: text is wanted"),
        (ConnectionUpdated, {**STATE, "timestamp": "ontem"},
         "timestamp: a time with a zone is wanted, such as 2026-08-20T12:15:03Z"),
        (ConnectionUpdated, {**STATE, "timestamp": "2026-08-20T12:15:03"},
         "timestamp: a time with a zone is wanted, such as 2026-08-20T12:15:03Z"),
        (ConnectionUpdated, {**STATE, "timestamp": 10**13},
         "timestamp: a time from 1970 to 2099 is wanted"),
        (ConnectionUpdated, {**STATE, "timestampEstimated": "perhaps"},
         "timestampEstimated: true or false is wanted"),
        (ConnectionUpdated, {k: v for k, v in STATE.items() if k != "status"},
         "status: this member is required"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(
    contract: type[Event], body: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        contract.model_validate(body)
    assert describe_errors(caught.value)[0] == text


@pytest.mark.parametrize(
    ("members", "texts"),
    [
        (
            {"buttons": [{"id": "1", "title": "x" * 21}]},
            ["buttons.0.title: at most 20 characters are wanted"],
        ),
        (
            {"buttons": [{"id": "1", "title": " "}]},
            ["buttons.0.title: a text that can be seen is wanted"],
        ),
        ({"buttons": []}, ["buttons: at least 1 element is wanted"]),
        ({"body": "x" * 70_000}, ["body: at most 65536 characters are wanted"]),
    ],
)
def test_each_fault_is_named_once_with_its_unit(
    members: dict[str, object], texts: list[str]
) -> None:
    given = {"companyId": 1, "whatsappId": 10, "chat": "5511", "requestId": "r", "body": "Oi"}
    with pytest.raises(ValidationError) as raised:
        MessageCompose.model_validate(given | members)
    assert describe_errors(raised.value) == texts
