"""The published schemas: what they say about each member, in both directions."""

from typing import Any

import pytest

from services.campaigns import consumer as campaigns
from services.contacts import consumer as contacts
from services.messages import consumer as messages
from services.tickets import consumer as tickets
from shared.contracts.base import OUTSIDE, Event
from shared.contracts.campaign import CampaignSend
from shared.contracts.catalogue import load_contracts
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.contact import ContactLink
from shared.contracts.error_texts import PATTERNS
from shared.contracts.gateway import GatewayReceived
from shared.contracts.message import MessageReceived, MessageSend
from shared.contracts.ticket import TicketClosed
from shared.contracts.ticket_request import TicketMove
from shared.event_docs.schemas import (
    Schema,
    build_key_template,
    build_schema,
    describe,
    get_direction,
)
from shared.event_docs.words import describe_limits, describe_type
from shared.settings import Settings

EVENTS = [event for events in load_contracts().values() for event in events]
BY_NAME = pytest.mark.parametrize("contract", EVENTS, ids=lambda event: event.__name__)


def build_services(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setenv("CHATIA_SENDER", "on")
    settings = Settings()
    return [module.service(settings) for module in (campaigns, contacts, messages, tickets)]


def list_members(schema: Schema) -> list[Schema]:
    """Return the members of a schema, those of inner objects too."""
    members = list(schema.get("properties", {}).values())
    return members + [inner for member in members for inner in list_members(member)]


@BY_NAME
def test_every_member_is_described(contract: type[Event]) -> None:
    for direction in ("sent", "received"):
        schema = build_schema(contract, direction)
        assert [member for member in list_members(schema) if not member.get("description")] == []


@BY_NAME
def test_a_schema_has_no_references_and_every_limit_in_words(contract: type[Event]) -> None:
    schema = build_schema(contract, get_direction(contract))
    assert "$" not in str(sorted(schema))
    assert all(describe_type(member) for member in list_members(schema))
    assert {m["pattern"] for m in list_members(schema) if "pattern" in m} <= PATTERNS.keys()


def test_the_writers_and_readers_are_those_of_the_services(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = build_services(monkeypatch)
    written = {
        (service.name, contract) for service in services for contract in service.publishes
    } | {("messages", GatewayReceived)}  # by its webhooks
    read = {
        (service.name, contract)
        for service in services
        for subscription in service.subscriptions
        for contract in subscription.contracts
        if issubclass(contract, Event)
    }
    assert written == {(role, e) for e in EVENTS for role in set(e.writers) - OUTSIDE}
    assert read == {(role, e) for e in EVENTS for role in set(e.readers) - OUTSIDE}


@BY_NAME
def test_a_topic_that_only_services_write_has_no_writers_outside(contract: type[Event]) -> None:
    assert not contract.ours_alone or not OUTSIDE & set(contract.writers)


def test_a_fact_has_every_member_that_is_never_null() -> None:
    schema = build_schema(TicketClosed, "sent")
    assert "unreadMessages" in schema["required"]
    assert "requestId" not in schema["required"]
    assert schema["properties"]["requestId"]["type"] == "string"


def test_a_request_may_leave_out_what_has_a_default() -> None:
    schema = build_schema(TicketMove, "received")
    assert schema["required"] == ["companyId", "requestId", "ticketId", "laneId"]
    assert schema["properties"]["laneId"]["type"] == ["integer", "null"]


def test_what_a_gateway_may_write_is_published_as_received() -> None:
    assert get_direction(MessageReceived) == "received"
    assert get_direction(MessageSend) == "sent"


@pytest.mark.parametrize(
    ("contract", "key"),
    [
        (MessageReceived, "companyId:whatsappId:chat"),
        (ConnectionUpdated, "companyId:whatsappId"),
        (CampaignSend, "companyId:number"),
        (
            ContactLink,
            "companyId:contact:number or companyId:contact:lid or companyId:contact:jid",
        ),
    ],
)
def test_the_key_is_written_in_terms_of_members(contract: type[Event], key: str) -> None:
    assert build_key_template(contract) == key


def test_a_description_holds_that_of_the_base_of_similar_events() -> None:
    assert describe(TicketClosed) == (
        "The ticket was closed.\n\n"
        "The state of a ticket after a change; the highest `version` is the newest."
    )


@pytest.mark.parametrize(
    ("contract", "member", "kind", "limits"),
    [
        (MessageReceived, "timestamp", "time or number", ""),
        (TicketClosed, "ignored", "list of texts", "each: cut to 255 characters"),
        (MessageReceived, "wid", "text", "1 to 255 characters; without spaces"),
        (MessageReceived, "isGroup", "true or false", "default `false`"),
        (CampaignSend, "number", "text", "digits only, with country code, or a group id"),
        (TicketMove, "laneId", "integer", "from 0, 31 bits; may be null"),
    ],
)
def test_types_and_limits_are_said_in_words(
    contract: type[Event], member: str, kind: str, limits: str
) -> None:
    schema = build_schema(contract, get_direction(contract))["properties"][member]
    assert (describe_type(schema), describe_limits(schema)) == (kind, limits)


def test_an_inner_member_without_a_value_is_not_required_of_what_we_send() -> None:
    sent = build_schema(MessageSend, "sent")["properties"]
    rows = sent["list"]["properties"]["sections"]["items"]["properties"]["rows"]["items"]
    assert rows["required"] == ["id", "title"]
    assert "participant" not in sent["change"]["required"]
