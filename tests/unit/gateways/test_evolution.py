import pytest
from pydantic import JsonValue

from shared.contracts.contact import ContactLink
from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageEdited
from shared.gateways import registry
from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.normalize.outcome import Translation
from shared.gateways.registry import UnknownGatewayError
from tests.unit.gateways import samples
from tests.unit.gateways.samples import LINE, describe_outcomes

OWN = samples.load_own("evolution")


def translate(payload: JsonValue) -> Translation:
    return registry.translate("evolution", payload, LINE)


def translate_message(name: str) -> MessageReceived:
    (event,) = translate(OWN[name]["payload"]).events
    assert isinstance(event, MessageReceived)
    return event


def build_envelope(event: str, data: JsonValue) -> JsonValue:
    return {"event": event, "instance": "loja", "data": data}


def test_the_two_addressings_of_one_chat_are_one_conversation() -> None:
    forms = (
        "text_lid_chat_with_alternative_number",
        "text_number_chat_with_alternative_lid",
        "text_lid_chat_with_sender_number",
    )
    events = [translate_message(name) for name in forms]
    assert len({event.key for event in events}) == 1
    assert len({event.wid for event in events}) == 1


def test_the_sender_of_our_own_message_is_not_its_chat() -> None:
    assert "552133330000" not in translate_message("own_text_seen_from_another_device").key


@pytest.mark.parametrize("payload", [None, True, 7, "text", [], {}, {"event": 7, "instance": "x"}])
def test_another_shape_is_unreadable(payload: JsonValue) -> None:
    translation = translate(payload)
    assert translation.unreadable
    assert not translation.events
    assert not translation.ignored


def test_an_unknown_gateway_raises() -> None:
    with pytest.raises(UnknownGatewayError, match="pigeon"):
        registry.translate("pigeon", {}, LINE)


@pytest.mark.parametrize("event", ["messages.upsert", "MESSAGES_UPSERT", "messages-upsert"])
def test_an_event_is_known_however_its_name_is_spelled(event: str) -> None:
    assert describe_outcomes(translate(build_envelope(event, []))) == ["ignored: empty-batch"]


def test_a_repeated_poll_summary_is_one_vote() -> None:
    payload = OWN["votes_as_a_sum"]["payload"]
    assert translate(payload).events == translate(payload).events


def test_a_poll_summary_in_a_group_is_one_vote_for_each_member() -> None:
    group = "120363000000000777@g.us"
    voters = ["5511990000001@s.whatsapp.net", "90000000000042@lid"]
    data: JsonValue = {
        "keyId": "POLL",
        "remoteJid": group,
        "fromMe": True,
        "pollUpdates": [{"name": "Sim", "voters": [*voters]}, {"name": "", "voters": [voters[0]]}],
    }
    events = translate(build_envelope("messages.update", data)).events
    votes = [event for event in events if isinstance(event, MessageReceived)]
    assert [(vote.participant, vote.body) for vote in votes] == [
        ("5511990000001", "Sim"),
        ("90000000000042@lid", "Sim"),
    ]


def test_a_removed_instance_is_disconnected() -> None:
    removed = translate(build_envelope("remove.instance", None))
    assert describe_outcomes(removed) == ["connection.updated DISCONNECTED"]


def test_an_update_without_a_status_is_no_deletion_despite_its_status_deleted() -> None:
    chat = "5511990000001@s.whatsapp.net"
    data: JsonValue = {
        "keyId": "A1",
        "remoteJid": chat,
        "fromMe": False,
        "participant": chat,
        "status": "DELETED",
    }
    assert describe_outcomes(translate(build_envelope("messages.update", data))) == [
        "ignored: message-update"
    ]


def test_a_deletion_from_meta_is_a_deletion() -> None:
    chat = "5511990000001@s.whatsapp.net"
    data: JsonValue = {
        "keyId": "wamid.A1",
        "remoteJid": chat,
        "fromMe": False,
        "participant": chat,
        "status": "DELETED",
    }
    assert describe_outcomes(translate(build_envelope("messages.update", data))) == [
        "message.deleted"
    ]


@pytest.mark.parametrize(
    "notice",
    [
        {"type": "HISTORY_SYNC_NOTIFICATION", "historySyncNotification": {"syncType": 3}},
        {"type": 17, "key": None},
        {"type": "APP_STATE_SYNC_KEY_SHARE", "appStateSyncKeyShare": {"keys": []}},
    ],
)
def test_exchanges_between_devices_are_ignored(notice: JsonValue) -> None:
    translation = translate(build_envelope("messages.edited", notice))
    assert describe_outcomes(translation) == ["ignored: protocol-message"]


@pytest.mark.parametrize("data", [7, "text", None, {"type": "REVOKE"}, {"type": 14}])
def test_an_edit_of_no_message_is_unreadable(data: JsonValue) -> None:
    assert describe_outcomes(translate(build_envelope("messages.edited", data))) == ["unreadable"]


def test_a_deletion_is_known_by_the_id_that_updates_use() -> None:
    data: JsonValue = {"keyId": "A1", "remoteJid": "5511990000001@s.whatsapp.net", "fromMe": True}
    assert describe_outcomes(translate(build_envelope("messages.delete", data))) == [
        "message.deleted"
    ]


@pytest.mark.parametrize(
    ("event", "reason"), [("ERRORS", "gateway-error"), ("NEW_TOKEN", "credentials-update")]
)
def test_events_of_some_versions_are_ignored_with_a_reason(event: str, reason: str) -> None:
    assert describe_outcomes(translate(build_envelope(event, {}))) == [f"ignored: {reason}"]


def test_a_lid_without_its_server_is_no_telephone_number() -> None:
    key: JsonValue = {
        "remoteJid": "120363000000000777@g.us",
        "fromMe": False,
        "id": "A1",
        "participant": "90000000000042",
        "participantAlt": "5511990000001:3@s.whatsapp.net",
        "addressingMode": "lid",
    }
    data: JsonValue = {"key": key, "message": {"conversation": "Oi"}}
    (event,) = translate(build_envelope("messages.upsert", data)).events
    assert isinstance(event, MessageReceived)
    assert (event.participant, event.participant_lid) == ("5511990000001", "90000000000042@lid")


def test_a_number_without_its_server_is_a_number() -> None:
    key: JsonObject = {"remoteJid": "5511990000001", "fromMe": False, "id": "A1"}
    modes: list[JsonObject] = [{**key, "addressingMode": "pn"}, key]
    data: JsonValue = [{"key": mode, "message": {"conversation": "Oi"}} for mode in modes]
    events = translate(build_envelope("messages.upsert", data)).events
    assert [event.chat for event in events if isinstance(event, MessageReceived)] == [
        "5511990000001",
        "5511990000001",
    ]


def test_an_edit_in_an_update_counts_whatever_its_status() -> None:
    data: JsonValue = {
        "keyId": "A1",
        "remoteJid": "5511990000001",
        "fromMe": False,
        "status": "SERVER_ACK",
        "message": {"editedMessage": {"message": {"conversation": "novo"}}},
    }
    assert describe_outcomes(translate(build_envelope("messages.update", data))) == [
        "message.edited"
    ]


@pytest.mark.parametrize("name", ["90000000000042:3", "90000000000042:3@lid", "90000000000042"])
def test_an_address_is_no_push_name(name: str) -> None:
    key: JsonValue = {
        "remoteJid": "120363000000000777@g.us",
        "fromMe": False,
        "id": "A1",
        "participant": "90000000000042:3@lid",
    }
    data: JsonValue = {"key": key, "pushName": name, "message": {"conversation": "Oi"}}
    (event,) = translate(build_envelope("messages.upsert", data)).events
    assert isinstance(event, MessageReceived)
    assert event.push_name is None


def test_a_short_name_is_not_taken_for_a_part_of_a_lid() -> None:
    pair: JsonValue = {
        "remoteJid": "90000000000042@lid",
        "remoteJidAlt": "5511990000001@s.whatsapp.net",
        "pushName": "lid",
    }
    (event,) = translate(build_envelope("contacts.update", [pair])).events
    assert isinstance(event, ContactLink)
    assert event.push_name == "lid"


@pytest.mark.parametrize(
    "server", [{}, {"instance": None, "server_url": None}, {"instance": {"id": 7}, "sender": None}]
)
def test_a_post_needs_neither_instance_nor_server(server: JsonObject) -> None:
    key: JsonValue = {"remoteJid": "5511990000001@s.whatsapp.net", "id": "A1"}
    data: JsonValue = {"key": key, "message": {"conversation": "Oi"}}
    translation = translate({"event": "messages.upsert", "data": data, **server})
    assert describe_outcomes(translation) == ["message.received conversation"]


def test_an_edit_has_its_author_where_the_key_belongs_to_the_chat() -> None:
    by_its_writer: JsonObject = {
        "key": {"remoteJid": "552133330000@s.whatsapp.net", "fromMe": True, "id": "A1"},
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": "dois"},
    }
    seen: JsonObject = {
        "key": {"remoteJid": "5511900000001@s.whatsapp.net", "fromMe": False, "id": "E1"},
        "message": {"protocolMessage": by_its_writer},
        "messageTimestamp": 1787228103,
    }
    (whole,) = translate(build_envelope("messages.upsert", seen)).events
    (bare,) = translate(build_envelope("messages.edited", by_its_writer)).events
    assert isinstance(whole, MessageEdited)
    assert isinstance(bare, MessageEdited)
    assert (whole.wid, whole.from_me, bare.wid, bare.from_me) == ("A1", False, "A1", None)
