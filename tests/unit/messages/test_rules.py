"""What becomes of routed messages and of raw gateway events."""

import json

from pydantic import JsonValue

from services.messages.rules import messages, raw_events
from services.messages.rules.messages import Placed
from services.messages.rules.raw_events import Line
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.message import MessageReceived, MessageRefused, MessageStored
from shared.contracts.outcome import Dead, Told
from tests.support.build import NOON, routed

LINE = Line(1, 10)


def evolution(**members: object) -> EvolutionRecord:
    given: dict[str, object] = {
        "event": "messages.upsert",
        "instance": "loja",
        "server_url": "https://evo.example.com/",
        "data": {
            "key": {"remoteJid": "5511900000001@s.whatsapp.net", "fromMe": False, "id": "A1"},
            "message": {"conversation": "Oi"},
            "messageTimestamp": 1787228103,
        },
    }
    return EvolutionRecord.model_validate(given | members)


def test_a_customers_message_is_unread_and_a_sent_one_is_read() -> None:
    customer, ours = messages.place([routed("A1"), routed("A2", from_me=True, sender_id=None)]).rows
    assert (customer.read, customer.contact_id) == (False, 100)
    assert (ours.read, ours.contact_id) == (True, None)


def test_a_message_counts_by_its_own_time() -> None:
    (row,) = messages.place([routed()]).rows
    assert row.created_at == NOON


def test_an_address_too_long_for_its_column_is_left_out() -> None:
    (row,) = messages.place([routed(media_url="https://m.example/" + "x" * 255)]).rows
    assert row.media_url is None


def test_the_second_copy_in_a_batch_is_refused() -> None:
    plan = messages.place([routed("A1", ticket_id=1), routed("A1", ticket_id=2)])
    first, copy = (
        t.fact for t in messages.stored(plan, {(1, 10, "A1"): Placed(5, 1)}) if isinstance(t, Told)
    )
    assert isinstance(first, MessageStored)
    assert isinstance(copy, MessageRefused)
    assert (first.ticket_id, copy.ticket_id, copy.reason) == (1, 2, "duplicate")


def test_a_message_that_the_line_has_is_refused_with_what_was_done_for_it() -> None:
    plan = messages.place([routed("A1", ticket_effect="opened")])
    (told,) = messages.stored(plan, {})
    assert isinstance(told, Told)
    assert isinstance(told.fact, MessageRefused)
    assert told.fact.ticket_effect == "opened"


def test_only_stored_messages_quote() -> None:
    plan = messages.place(
        [routed("A1", quoted_wid="Q"), routed("A2", quoted_wid="Q"), routed("A3")]
    )
    quotes = messages.quotes(plan, {(1, 10, "A1"): 5, (1, 10, "A3"): 6})
    assert [(q.message_id, q.quoted_wid) for q in quotes] == [(5, "Q")]


def test_a_raw_event_becomes_a_message_of_the_connections_line() -> None:
    record = evolution()
    (told,) = raw_events.translate({raw_events.connection_of(record): [LINE]}, [record]).outcome
    assert isinstance(told, Told)
    assert isinstance(told.fact, MessageReceived)
    assert (told.fact.key, told.fact.body) == ("1:10:5511900000001", "Oi")


def test_an_instance_that_nobody_registered_is_a_dead_letter() -> None:
    (dead,) = raw_events.translate({}, [evolution()]).outcome
    assert isinstance(dead, Dead)
    assert dead.reason == "unknown-connection"


def test_an_instance_registered_for_two_lines_is_a_dead_letter() -> None:
    record = evolution()
    (dead,) = raw_events.translate(
        {raw_events.connection_of(record): [LINE, Line(2, 20)]}, [record]
    ).outcome
    assert isinstance(dead, Dead)
    assert dead.reason == "ambiguous-connection"


def test_an_unreadable_part_is_a_dead_letter_and_harms_no_neighbour() -> None:
    bad: JsonValue = {"key": 7, "message": {"conversation": "x"}}
    record = evolution(data=[evolution().data, bad])
    outcome = raw_events.translate({raw_events.connection_of(record): [LINE]}, [record]).outcome
    assert [type(item).__name__ for item in outcome] == ["Told", "Dead"]


def test_what_becomes_nothing_is_counted_by_its_reason() -> None:
    body = json.dumps({"event": "presence.update", "session": "s", "payload": {"id": "1@c.us"}})
    posted = GatewayReceived(
        company_id=1, whatsapp_id=10, gateway="waha", received_at=NOON, body=body
    )
    translated = raw_events.translate_posted({}, [posted, posted])
    assert (translated.outcome, translated.ignored.total()) == ([], 2)
    assert len(translated.ignored) == 1


def test_a_payload_about_another_number_than_the_lines_is_a_dead_letter_and_no_message() -> None:
    message = {"from": "5511990000001", "id": "wamid.A1", "type": "text", "text": {"body": "Oi"}}
    about = {"metadata": {"phone_number_id": "111"}, "messages": [message]}
    payload = {"entry": [{"changes": [{"field": "messages", "value": about}]}]}
    posted = GatewayReceived(
        company_id=1, whatsapp_id=10, gateway="cloud-api", received_at=NOON,
        body=json.dumps(payload),
    )  # fmt: skip
    connected = raw_events.connected_line_of(posted)
    (dead,) = raw_events.translate_posted({connected: frozenset({"222"})}, [posted]).outcome
    assert isinstance(dead, Dead)
    assert (dead.reason, "111" in dead.detail) == ("tenant-mismatch", True)
    for registered in ({connected: frozenset({"222", "111"})}, {}):
        (told,) = raw_events.translate_posted(registered, [posted]).outcome
        assert isinstance(told, Told)
