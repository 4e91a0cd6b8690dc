import pytest

from shared.contracts.base import Event
from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageAcked, MessageDeleted, MessageEdited, MessageRead
from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.registry import translate
from shared.gateways.waha import message as waha_message
from shared.gateways.waha.gows import respell_message
from tests.unit.gateways.samples import LINE, describe_outcomes, load_own

ENGINES: dict[str, JsonObject] = {
    "WEBJS": {"type": "chat", "id": {"fromMe": False, "remote": "5511990000001@c.us", "id": "A1"}},
    "NOWEB": {
        "key": {"remoteJid": "5511990000001@s.whatsapp.net", "fromMe": False, "id": "A1"},
        "message": {"conversation": "oi"},
    },
    "GOWS": {
        "Info": {"Chat": "5511990000001@s.whatsapp.net", "IsFromMe": False, "ID": "A1"},
        "Message": {"conversation": "oi"},
    },
    "none": {},
}


def _build_edit(edited: JsonObject) -> JsonObject:
    return {"key": {"id": "A1"}, "type": 14, "editedMessage": edited}


def build_event(event: str, payload: JsonObject) -> JsonObject:
    return {"event": event, "session": "loja", "payload": payload}


@pytest.mark.parametrize("event", ["message", "message.any"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_message(engine: str, event: str) -> None:
    payload: JsonObject = {
        "id": "false_5511990000001@c.us_A1",
        "from": "5511990000001@c.us",
        "body": "oi",
        "_data": ENGINES[engine],
    }
    (message,) = translate("waha", build_event(event, payload), LINE).events
    assert isinstance(message, MessageReceived)
    assert (message.key, message.wid, message.body) == ("7:3:5511990000001", "A1", "oi")
    assert message.media_type == "conversation"


@pytest.mark.parametrize(
    ("chat", "reason"),
    [
        ("status@broadcast", "status-broadcast"),
        ("120363000000000999@newsletter", "newsletter"),
        ("1700000000@broadcast", "broadcast-list"),
    ],
)
def test_an_address_that_is_no_chat_is_ignored_with_a_reason(chat: str, reason: str) -> None:
    message: JsonObject = {"id": f"true_{chat}_A1", "from": chat, "fromMe": True, "body": "oi"}
    translation = translate("waha", build_event("message.any", message), LINE)
    assert describe_outcomes(translation) == [f"ignored: {reason}"]


def test_a_bare_id_takes_its_chat_from_the_other_members() -> None:
    message: JsonObject = {"id": "A1", "from": "5511990000001@c.us", "fromMe": True, "body": "oi"}
    (event,) = translate("waha", build_event("message.any", message), LINE).events
    assert event.key == "7:3:5511990000001"


def test_names_of_whatsmeow_are_respelled_like_baileys() -> None:
    assert respell_message(
        {"stanzaID": 1, "URL": 2, "JPEGThumbnail": 3, "Response": {"SelectedDisplayText": "Sim"}}
    ) == {"stanzaId": 1, "url": 2, "jpegThumbnail": 3, "selectedDisplayText": "Sim"}


def test_we_do_not_become_the_chat_of_our_own_message() -> None:
    sample = load_own("waha")["webjs_own_text_from_the_telephone"]
    (event,) = translate("waha", sample["payload"], LINE).events
    assert event.key == "7:3:5511990000001"


CHAT, LID, GROUP = "5511990000001@c.us", "90000000000001@lid", "120363000000000777@g.us"
NUMBER = "5511990000001:7@s.whatsapp.net"
RECEIPT: JsonObject = {"Chat": LID, "Sender": LID, "SenderAlt": NUMBER, "MessageIDs": ["A1"]}


def translate_events(event: str, payload: JsonObject) -> tuple[Event, ...]:
    return translate("waha", build_event(event, payload), LINE).events


@pytest.mark.parametrize("voter", ["from", "participant"])
def test_a_vote_with_the_polls_id_is_another_message_than_the_poll(voter: str) -> None:
    chat = CHAT if voter == "from" else GROUP
    vote: JsonObject = {"id": f"false_{chat}_P1", voter: CHAT, "selectedOptions": ["Sexta"]}
    poll: JsonObject = {"id": f"true_{chat}_P1"}
    (event,) = translate_events(
        "poll.vote", {"vote": vote | {"timestamp": 1790000000}, "poll": poll}
    )
    assert isinstance(event, MessageReceived)
    assert (event.wid, event.quoted_wid) == ("P1:5511990000001:1790000000", "P1")
    assert event.participant == (None if voter == "from" else "5511990000001")


def test_a_vote_from_a_lid_has_the_number_that_gows_gives() -> None:
    info: JsonObject = {"ID": "V1", "Chat": LID, "Sender": LID, "SenderAlt": NUMBER}
    vote: JsonObject = {"id": f"false_{LID}_V1", "from": LID, "selectedOptions": ["Sexta"]}
    poll: JsonObject = {"id": f"true_{LID}_P1"}
    (event,) = translate_events("poll.vote", {"vote": vote, "poll": poll, "_data": {"Info": info}})
    assert isinstance(event, MessageReceived)
    assert (event.chat, event.lid, event.wid) == ("5511990000001", LID, "V1")


def test_the_author_of_an_acked_group_message_is_read_from_its_id() -> None:
    """WEBJS' `fromMe` is of the receipt there: false for what others read of ours."""
    ack: JsonObject = {"from": GROUP, "to": GROUP, "ack": 3, "ackName": "READ"}
    ours: JsonObject = {"id": f"true_{GROUP}_A1_{LID}", "fromMe": False, "participant": CHAT}
    theirs: JsonObject = {"id": f"false_{GROUP}_A2_{CHAT}", "fromMe": True, "participant": LID}
    (acked,) = translate_events("message.ack.group", ack | ours)
    assert isinstance(acked, MessageAcked)
    assert (acked.wid, acked.ack, acked.participant) == ("A1", 3, "5511990000001")
    (read,) = translate_events("message.ack.group", ack | theirs)
    assert isinstance(read, MessageRead)


def test_a_receipt_from_a_lid_has_the_number_that_gows_gives() -> None:
    ack: JsonObject = {"id": f"true_{LID}_A1", "from": LID, "fromMe": True, "ack": 2}
    (event,) = translate_events("message.ack", ack | {"_data": RECEIPT})
    assert isinstance(event, MessageAcked)
    assert (event.chat, event.participant) == ("5511990000001", None)


def test_the_group_member_of_an_ack_is_identified_by_number() -> None:
    ack: JsonObject = {"id": f"true_{GROUP}_A1_{CHAT}", "from": GROUP, "fromMe": True, "ack": 2}
    receipt = RECEIPT | {"Chat": GROUP}
    (event,) = translate_events("message.ack.group", ack | {"participant": LID, "_data": receipt})
    assert isinstance(event, MessageAcked)
    assert (event.chat, event.participant) == ("120363000000000777", "5511990000001")


def test_an_ack_unknown_to_waha_is_ignored() -> None:
    ack: JsonObject = {"id": f"true_{CHAT}_A1", "from": CHAT, "fromMe": True, "ackName": "UNKNOWN"}
    translation = translate("waha", build_event("message.ack", ack), LINE)
    assert describe_outcomes(translation) == ["ignored: unknown-ack"]


@pytest.mark.parametrize(
    "revoke",
    [
        {"after": {"id": "A2", "remoteJid": CHAT}, "before": {"id": "A1", "remoteJid": CHAT}},
        {"after": None, "before": None, "_data": {"from": CHAT, "key": {"id": "A1"}}},
    ],
    ids=["WPP", "ZAPO"],
)
def test_a_revoke_is_read_without_the_messages_too(revoke: JsonObject) -> None:
    (event,) = translate_events("message.revoked", revoke | {"revokedMessageId": "A1"})
    assert isinstance(event, MessageDeleted)
    assert (event.chat, event.wid) == ("5511990000001", "A1")


@pytest.mark.parametrize(
    "raw",
    [
        {"message": {"body": ""}, "newBody": "", "prevBody": "legenda"},
        {"message": {"protocolMessage": _build_edit({"imageMessage": {"mimetype": "image/jpeg"}})}},
        {"Info": {}, "Message": {"protocolMessage": _build_edit({"imageMessage": {"URL": "x"}})}},
    ],
    ids=["WEBJS", "NOWEB", "GOWS"],
)
def test_an_edit_can_remove_a_caption(raw: JsonObject) -> None:
    edit: JsonObject = {"id": f"false_{CHAT}_A2", "from": CHAT, "editedMessageId": "A1", "body": ""}
    (event,) = translate_events("message.edited", edit | {"_data": raw})
    assert isinstance(event, MessageEdited)
    assert (event.wid, event.body) == ("A1", "")


def test_an_edit_that_waha_could_not_decrypt_quotes_its_message() -> None:
    raw: JsonObject = {"message": {"secretEncryptedMessage": {"targetMessageKey": {"id": "A1"}}}}
    edit: JsonObject = {"id": f"false_{CHAT}_A2", "from": CHAT, "body": "", "_data": raw}
    (event,) = translate_events("message.edited", edit)
    assert isinstance(event, MessageReceived)
    assert (event.wid, event.media_type, event.quoted_wid) == ("A2", "undecryptable", "A1")


@pytest.mark.parametrize("name", ["callerPn", "CallCreatorAlt"])
def test_a_call_from_a_lid_has_the_number_that_the_engine_gives(name: str) -> None:
    call: JsonObject = {"id": "C1", "from": LID, "timestamp": 1790000000, "_data": {name: NUMBER}}
    (event,) = translate_events("call.rejected", call)
    assert isinstance(event, MessageReceived)
    assert (event.chat, event.lid, event.media_type) == ("5511990000001", LID, "call_log")


def test_a_call_taken_on_the_telephone_is_not_missed() -> None:
    call: JsonObject = {"id": "C1", "from": CHAT, "_data": {"Reason": "accepted_elsewhere"}}
    translation = translate("waha", build_event("call.rejected", call), LINE)
    assert describe_outcomes(translation) == ["ignored: call-accepted"]


def test_a_bare_message_of_zapo_is_read_in_the_proto_form() -> None:
    raw: JsonObject = {"imageMessage": {"caption": "foto", "contextInfo": {"stanzaId": "Q1"}}}
    message: JsonObject = {"id": "A1", "from": NUMBER, "fromMe": False, "body": None, "_data": raw}
    (event,) = translate_events("message", message)
    assert isinstance(event, MessageReceived)
    assert (event.chat, event.media_type, event.body) == ("5511990000001", "image", "foto")
    assert event.quoted_wid == "Q1"


@pytest.mark.parametrize("event", ["message", "message.edited", "message.waiting"])
def test_the_engines_message_is_respelled_once(event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    respelled = []

    def respell(message: JsonObject) -> JsonObject:
        respelled.append(message)
        return respell_message(message)

    monkeypatch.setattr(waha_message, "respell_message", respell)
    data: JsonObject = {"Info": {"ID": "X"}, "Message": {"conversation": "Oi"}}
    payload: JsonObject = {
        "id": "false_5511990000001@c.us_X", "from": "5511990000001@c.us", "_data": data
    }  # fmt: skip
    translate("waha", build_event(event, payload), LINE)
    assert len(respelled) == 1
