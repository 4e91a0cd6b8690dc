import pytest
from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways import registry
from shared.gateways.outcome import Translation
from tests.unit.gateways import samples
from tests.unit.gateways.samples import LINE, outcomes

OWN = samples.own("evolution")


def translate(payload: JsonValue) -> Translation:
    return registry.translate("evolution", payload, LINE)


def told(name: str) -> MessageReceived:
    (event,) = translate(OWN[name]["payload"]).events
    assert isinstance(event, MessageReceived)
    return event


def envelope(event: str, data: JsonValue) -> JsonValue:
    return {"event": event, "instance": "loja", "data": data}


def test_the_two_addressings_of_one_chat_are_one_conversation() -> None:
    forms = (
        "text_lid_chat_with_alternative_number",
        "text_number_chat_with_alternative_lid",
        "text_lid_chat_with_sender_number",
    )
    events = [told(name) for name in forms]
    assert len({event.key for event in events}) == 1
    assert len({event.wid for event in events}) == 1


def test_the_sender_of_our_own_message_is_not_its_chat() -> None:
    assert "552133330000" not in told("own_text_seen_from_another_device").key


@pytest.mark.parametrize("payload", [None, True, 7, "text", [], {}, {"event": 7, "instance": "x"}])
def test_another_shape_is_unreadable(payload: JsonValue) -> None:
    translation = translate(payload)
    assert translation.unreadable
    assert not translation.events
    assert not translation.ignored


def test_a_gateway_nobody_knows_is_the_callers_mistake() -> None:
    with pytest.raises(registry.UnknownGatewayError, match="pigeon"):
        registry.translate("pigeon", {}, LINE)


@pytest.mark.parametrize("event", ["messages.upsert", "MESSAGES_UPSERT", "messages-upsert"])
def test_an_event_is_known_however_its_name_is_spelled(event: str) -> None:
    assert outcomes(translate(envelope(event, []))) == ["ignored: empty-batch"]


def test_the_same_sum_of_a_poll_told_twice_is_one_vote() -> None:
    payload = OWN["votes_as_a_sum"]["payload"]
    assert translate(payload).events == translate(payload).events


def test_a_sum_of_a_poll_in_a_group_is_one_vote_for_each_member() -> None:
    group = "120363000000000777@g.us"
    voters = ["5511990000001@s.whatsapp.net", "90000000000042@lid"]
    data: JsonValue = {
        "keyId": "POLL",
        "remoteJid": group,
        "fromMe": True,
        "pollUpdates": [{"name": "Sim", "voters": [*voters]}, {"name": "", "voters": [voters[0]]}],
    }
    events = translate(envelope("messages.update", data)).events
    votes = [event for event in events if isinstance(event, MessageReceived)]
    assert [(vote.participant, vote.body) for vote in votes] == [
        ("5511990000001", "Sim"),
        ("90000000000042@lid", "Sim"),
    ]


def test_a_removed_instance_is_disconnected() -> None:
    removed = translate(envelope("remove.instance", None))
    assert outcomes(removed) == ["connection.updated DISCONNECTED"]
