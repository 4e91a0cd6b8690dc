import pytest
from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways import registry
from shared.gateways.normalize.outcome import Translation
from tests.unit.gateways.samples import LINE, describe_outcomes

ANA, OURS = "5511990000001@s.whatsapp.net", "5511990000009@s.whatsapp.net"


def translate(event: str, data: JsonValue) -> Translation:
    return registry.translate("evolution-go", {"event": event, "data": data}, LINE)


def test_our_own_unanswered_call_is_ignored() -> None:
    call: JsonValue = {"From": ANA, "CallCreator": OURS, "CallID": "C1", "Reason": "timeout"}
    assert describe_outcomes(translate("CallTerminate", call)) == ["ignored: own-call"]


@pytest.mark.parametrize("member", ["IsUnavailable", "UnavailableType", "DecryptFailMode"])
@pytest.mark.parametrize("name", ["Message", "UndecryptableMessage"])
def test_an_undecryptable_message_is_a_placeholder(member: str, name: str) -> None:
    data: JsonValue = {"Info": {"Chat": ANA, "Sender": ANA, "ID": "A1"}, member: ""}
    assert describe_outcomes(translate(name, data)) == ["message.received undecryptable"]


def test_a_business_without_a_push_name_has_its_verified_one() -> None:
    info: JsonValue = {
        "Chat": ANA,
        "Sender": ANA,
        "ID": "A1",
        "PushName": "",
        "VerifiedName": {"Details": {"verifiedName": "Loja Centro"}},
    }
    (event,) = translate("Message", {"Info": info, "Message": {"conversation": "Oi"}}).events
    assert isinstance(event, MessageReceived)
    assert event.push_name == "Loja Centro"


def test_a_receipt_is_read_with_a_key_as_with_ids() -> None:
    key: JsonValue = {"remoteJid": ANA, "fromMe": True, "id": "A1"}
    by_key = translate("READ_RECEIPT", {"key": key, "status": "READ"})
    by_ids = translate(
        "Receipt", {"Chat": ANA, "Sender": ANA, "MessageIDs": ["A1"], "Type": "read"}
    )
    assert describe_outcomes(by_key) == describe_outcomes(by_ids) == ["message.acked 3"]
