"""Payloads of gateways become events of registered lines."""

import json
from pathlib import Path

import pytest
from pydantic import JsonValue

from services.messages.domain.keys import LineKey
from services.messages.gateways_in import rules
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Emit, Reject
from tests.support.build import NOON, at

LINE = LineKey(1, 10)
TEXTS: dict[str, JsonValue] = json.loads(
    (Path(__file__).parents[2] / "data" / "gateways" / "texts.json").read_text("utf-8")
)


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


LINES = {rules.get_connection_key(evolution()): [LINE]}


def test_a_payload_becomes_a_message_of_its_connections_line() -> None:
    record = evolution()
    (emit,) = rules.translate_evolution(LINES, [record], {}).outcome
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageReceived)
    assert (emit.fact.key, emit.fact.body) == ("1:10:5511900000001", "Oi")


@pytest.mark.parametrize("gateway", sorted(TEXTS))
def test_a_message_has_the_time_at_which_its_payload_was_received(gateway: str) -> None:
    posted = GatewayReceived(
        company_id=1,
        whatsapp_id=10,
        gateway=gateway,
        received_at=at(7),
        body=json.dumps(TEXTS[gateway]),
    )
    names = {rules.get_gateway_line(posted): frozenset({"loja", "100000000000001"})}
    outcome = rules.translate_posted(names, [posted]).outcome
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    times = [fact.received_at for fact in facts if isinstance(fact, MessageReceived)]
    assert times == [at(7)]


def test_a_record_of_evolution_was_received_at_its_own_time() -> None:
    (emit,) = rules.translate_evolution(LINES, [evolution(received_at=at(5))], {}).outcome
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageReceived)
    assert emit.fact.received_at == at(5)


def test_an_unregistered_instance_is_rejected() -> None:
    (reject,) = rules.translate_evolution({}, [evolution()], {}).outcome
    assert isinstance(reject, Reject)
    assert reject.reason == "unknown-connection"


@pytest.mark.parametrize(
    ("named", "servers", "said"),
    [
        (
            "",
            ["https://evo.example.com"],
            "registered for server 'https://evo.example.com'; the record names no server. If",
        ),
        (
            "http://10.0.0.1",
            ["http://a", "http://b"],
            "server 'http://a' and 'http://b'; the record names server 'http://10.0.0.1'. If",
        ),
        (
            "",
            [],
            "instance 'loja' of server '' is not in \"GatewayConnections\"; register it, then",
        ),
    ],
)
def test_an_instance_of_another_server_is_rejected_with_both_servers(
    named: str, servers: list[str], said: str
) -> None:
    record = evolution(server_url=named)
    (reject,) = rules.translate_evolution({}, [record], {"loja": servers}).outcome
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.company_id) == ("unknown-connection", None)
    assert said in reject.detail


def test_an_instance_registered_for_two_lines_is_rejected() -> None:
    record = evolution()
    lines = {rules.get_connection_key(record): [LINE, LineKey(2, 20)]}
    (reject,) = rules.translate_evolution(lines, [record], {}).outcome
    assert isinstance(reject, Reject)
    assert reject.reason == "ambiguous-connection"


def test_an_unreadable_part_is_rejected_and_its_neighbour_translated() -> None:
    bad: JsonValue = {"key": 7, "message": {"conversation": "x"}}
    record = evolution(data=[evolution().data, bad])
    outcome = rules.translate_evolution(LINES, [record], {}).outcome
    assert [type(item).__name__ for item in outcome] == ["Emit", "Reject"]


def test_ignored_parts_are_counted_by_reason() -> None:
    body = json.dumps({"event": "presence.update", "session": "s", "payload": {"id": "1@c.us"}})
    posted = GatewayReceived(
        company_id=1, whatsapp_id=10, gateway="waha", received_at=NOON, body=body
    )
    translated = rules.translate_posted({}, [posted, posted])
    assert (translated.outcome, translated.ignored.total()) == ([], 2)
    assert len(translated.ignored) == 1


def test_a_payload_of_another_number_than_the_lines_is_rejected() -> None:
    message = {"from": "5511990000001", "id": "wamid.A1", "type": "text", "text": {"body": "Oi"}}
    about = {"metadata": {"phone_number_id": "111"}, "messages": [message]}
    payload = {"entry": [{"changes": [{"field": "messages", "value": about}]}]}
    posted = GatewayReceived(
        company_id=1, whatsapp_id=10, gateway="cloud-api", received_at=NOON,
        body=json.dumps(payload),
    )  # fmt: skip
    line = rules.get_gateway_line(posted)
    (reject,) = rules.translate_posted({line: frozenset({"222"})}, [posted]).outcome
    assert isinstance(reject, Reject)
    assert (reject.reason, "111" in reject.detail) == ("tenant-mismatch", True)
    for registered in ({line: frozenset({"222", "111"})}, {}):
        (emit,) = rules.translate_posted(registered, [posted]).outcome
        assert isinstance(emit, Emit)


def test_half_an_emoji_in_a_posted_payload_is_repaired() -> None:
    message = {"id": "false_5511990000001@c.us_A1", "from": "5511990000001@c.us", "body": "oi @"}
    body = json.dumps({"event": "message", "payload": message}).replace('@"', '\\ud83d"')
    posted = GatewayReceived(
        company_id=1, whatsapp_id=10, gateway="waha", received_at=NOON, body=body
    )
    (emit,) = rules.translate_posted({}, [posted]).outcome
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageReceived)
    assert emit.fact.body == "oi ?"
