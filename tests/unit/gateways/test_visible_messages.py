"""What a person sent is never ignored: it becomes one row, whatever its content is."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.message import MessageReceived
from shared.gateways.closed_lists import CLOSED_LISTS, format_table
from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.registry import GATEWAYS, translate
from tests.unit.gateways.any_messages import PAYLOADS, WID
from tests.unit.gateways.samples import LINE, ROOT, describe_outcomes

ANA, ANA_WEB = "5511990000001@s.whatsapp.net", "5511990000001@c.us"


def receive(gateway: str, payload: JsonObject) -> MessageReceived:
    (event,) = translate(gateway, payload, LINE).events
    assert isinstance(event, MessageReceived)
    return event


def build_cloud(**members: Any) -> JsonObject:
    message: JsonObject = {
        "from": "5511990000001",
        "id": "wamid.U",
        "timestamp": "1790000000",
        **members,
    }
    change: JsonObject = {"field": "messages", "value": {"messages": [message]}}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [change]}]}


def build_proto(key: JsonObject | None = None, **members: Any) -> JsonObject:
    whole_key = {"remoteJid": ANA, "fromMe": False, "id": "A1"} | (key or {})
    message = {"key": whole_key, "messageTimestamp": 1790000000, "pushName": "A", **members}
    return {"event": "messages.upsert", "instance": "x", "data": message}


def build_web(**members: Any) -> JsonObject:
    message = {"id": f"false_{ANA_WEB}_A1", "from": ANA_WEB, "fromMe": False, "body": ""}
    return {**message, **members}


def build_waha(name: str = "message", **members: Any) -> JsonObject:
    return {"event": name, "payload": build_web(**members)}


def test_every_gateway_has_payloads() -> None:
    assert PAYLOADS.keys() == GATEWAYS.keys()


# Files, and a call that nobody took
_SHOWN_WITHOUT_WORDS = {
    *("image", "video", "audio", "text", "application", "stickerMessage", "call_log"),
}


@pytest.mark.parametrize("gateway", GATEWAYS)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_message_of_a_person_becomes_one_row_whatever_its_content(
    gateway: str, data: st.DataObject
) -> None:
    payload: Any = data.draw(PAYLOADS[gateway])
    translation = translate(gateway, payload, LINE)
    (event,) = translation.events
    assert isinstance(event, MessageReceived)
    assert event.wid == WID
    assert not event.from_me
    assert not (event.is_placeholder and event.body)
    assert event.body or event.is_placeholder or event.media_type in _SHOWN_WITHOUT_WORDS
    assert not translation.unreadable
    assert MessageReceived.model_validate_json(event.model_dump_json(by_alias=True)) == event


_UNSUPPORTED = {"type": "unsupported", "errors": [{"code": 131060}]}
_ABSENT: dict[str, Any] = {
    "messageStubType": 2,
    "messageStubParameters": ["Message absent from node"],
}
_INFO: JsonObject = {"Chat": ANA, "Sender": ANA, "ID": "A1", "IsFromMe": False}
_SECRET: JsonObject = {"targetMessageKey": {"id": "T1"}, "encPayload": "x"}


@pytest.mark.parametrize("gateway", ["baileys", "evolution"])
@pytest.mark.parametrize(
    ("payload", "media_type"),
    [
        (build_proto({"isViewOnce": True}), "view_once"),
        (build_proto({"isViewOnce": True}, **_ABSENT), "view_once"),
        (build_proto(message={"viewOnceMessageV2": {"message": {}}}), "view_once"),
        (build_proto(**_ABSENT), "undecryptable"),
        (build_proto(message=None, messageStubType="CIPHERTEXT"), "undecryptable"),
        (build_proto(message={"placeholderMessage": {"type": 0}}), "undecryptable"),
        (build_proto(message={"pollUpdateMessage": {"vote": {"encIv": "x"}}}), "undecryptable"),
        (build_proto(message={"encEventResponseMessage": {"encIv": "x"}}), "undecryptable"),
        (build_proto(message={"encCommentMessage": _SECRET}), "undecryptable"),
        (build_proto(message={"secretEncryptedMessage": _SECRET}), "undecryptable"),
        (build_proto(), "unsupported"),
        (build_proto(message={}), "unsupported"),
        (build_proto(message={"messageContextInfo": {"messageSecret": "x"}}), "unsupported"),
        (build_proto(message={"conversation": " "}), "unsupported"),
        (build_proto(message={"imageMessage": "x"}), "unsupported"),
        (build_proto(message={"hologramMessage": {"x": 1}}), "unsupported"),
        (build_proto(message={"unsupportedMessage": {}}), "unsupported"),
        (build_proto(message={"sendPaymentMessage": {}}), "unsupported"),
        (build_proto(message={"declinePaymentRequestMessage": {"key": {}}}), "unsupported"),
        (build_proto(message={"cancelPaymentRequestMessage": {"key": {}}}), "unsupported"),
        (build_proto(message={"paymentInviteMessage": {"serviceType": 3}}), "unsupported"),
        (build_proto(message={"requestPhoneNumberMessage": {}}), "unsupported"),
        (build_proto(message={"groupStatusMentionMessage": {"message": {}}}), "unsupported"),
        (build_proto(message={"scheduledCallEditMessage": {"editType": 1}}), "unsupported"),
        (build_proto(message={"newsletterAdminInviteMessage": {}}), "unsupported"),
    ],
)
def test_a_proto_message_that_cannot_be_shown_says_why(
    gateway: str, payload: JsonObject, media_type: str
) -> None:
    event = receive(gateway, payload)
    assert (event.chat, event.wid, event.body) == ("5511990000001", "A1", "")
    assert (event.media_type, event.push_name) == (media_type, "A")


@pytest.mark.parametrize(
    ("gateway", "payload", "media_type"),
    [
        ("cloud-api", build_cloud(**_UNSUPPORTED), "unsupported"),
        ("cloud-api", build_cloud(type="unknown"), "unsupported"),
        ("cloud-api", build_cloud(type="image", errors=[{"code": 131052}]), "unsupported"),
        ("cloud-api", build_cloud(type="poll", poll={"name": "?"}), "unsupported"),
        ("cloud-api", build_cloud(type="event"), "unsupported"),
        ("cloud-api", build_cloud(type="media_placeholder"), "unsupported"),
        ("cloud-api", build_cloud(), "unsupported"),
        ("whatsapp-web-js", build_web(type="unknown"), "unsupported"),
        ("whatsapp-web-js", build_web(type="oversized"), "unsupported"),
        ("whatsapp-web-js", build_web(type="ciphertext"), "undecryptable"),
        ("whatsapp-web-js", build_web(type="image", hasMedia=True), "image"),
        ("whatsapp-web-js", build_web(type="request_phone_number"), "unsupported"),
        ("whatsapp-web-js", build_web(type="payment"), "unsupported"),
        ("wppconnect", {"event": "onmessage", **build_web(type="unknown")}, "unsupported"),
        ("wppconnect", {"event": "onmessage", **build_web(type="ciphertext")}, "undecryptable"),
        (
            "whatsapp-web-js",
            {"event": "message_ciphertext_failed", "data": build_web(type="chat")},
            "undecryptable",
        ),
        ("waha", build_waha("message.waiting"), "undecryptable"),
        ("waha", build_waha(hasMedia=True, media=None), "unsupported"),
        ("waha", build_waha(_data={"type": "unknown"}), "unsupported"),
        ("waha", build_waha(_data={"type": "ciphertext"}), "undecryptable"),
        ("waha", build_waha(_data={"key": {"isViewOnce": True}}), "view_once"),
        ("waha", build_waha(_data={"message": {"hologramMessage": {}}}), "unsupported"),
        ("waha", build_waha(_data={"Info": _INFO, "Message": {"holoMessage": {}}}), "unsupported"),
        (
            "evolution-go",
            {"event": "Message", "data": {"Info": _INFO, "UnavailableType": "view_once"}},
            "view_once",
        ),
        (
            "evolution-go",
            {"event": "UndecryptableMessage", "data": {"Info": _INFO, "IsUnavailable": False}},
            "undecryptable",
        ),
        ("evolution-go", {"event": "Message", "data": {"Info": _INFO}}, "unsupported"),
    ],
)
def test_a_message_that_cannot_be_shown_says_why(
    gateway: str, payload: JsonObject, media_type: str
) -> None:
    event = receive(gateway, payload)
    assert (event.chat, event.body, event.media_type) == ("5511990000001", "", media_type)


def test_an_unsupported_first_message_keeps_its_advert() -> None:
    advert = {"source_type": "ad", "source_id": "120", "ctwa_clid": "c"}
    event = receive("cloud-api", build_cloud(**_UNSUPPORTED, referral=advert))
    assert event.referral is not None
    assert (event.referral.source_id, event.referral.ctwa_clid) == ("120", "c")


def test_our_own_message_from_another_device_leaves_a_row_too() -> None:
    event = receive("baileys", build_proto({"fromMe": True}, **_ABSENT))
    assert (event.from_me, event.media_type) == (True, "undecryptable")


def test_the_caption_of_a_file_that_waha_did_not_download_is_shown_as_a_files() -> None:
    event = receive("waha", build_waha(hasMedia=True, media=None, body="a nota"))
    assert (event.media_type, event.body) == ("application", "a nota")


@pytest.mark.parametrize("name", ["encCommentMessage", "secretEncryptedMessage"])
def test_an_encrypted_comment_or_edit_quotes_its_message(name: str) -> None:
    assert receive("baileys", build_proto(message={name: _SECRET})).quoted_wid == "T1"


def test_an_encrypted_edit_of_whatsapp_web_quotes_its_message() -> None:
    edit = build_web(type="message_edit_encrypted", targetMessageKey={"id": "T1"})
    event = receive("whatsapp-web-js", edit)
    assert (event.media_type, event.quoted_wid) == ("undecryptable", "T1")


@pytest.mark.parametrize("kind", [4, "POLL_EDIT", 5, "POLL_ADD_OPTION"])
def test_an_encrypted_change_of_a_poll_is_ignored(kind: int | str) -> None:
    payload = build_proto(message={"secretEncryptedMessage": {**_SECRET, "secretEncType": kind}})
    assert describe_outcomes(translate("baileys", payload, LINE)) == ["ignored: poll-option"]


def test_an_edit_whose_new_text_cannot_be_read_quotes_its_message() -> None:
    edit: JsonObject = {"key": {"id": "T1"}, "type": 14, "editedMessage": {"hologramMessage": {}}}
    event = receive("evolution", build_proto(message={"protocolMessage": edit}))
    assert (event.wid, event.media_type, event.quoted_wid) == ("A1", "unsupported", "T1")
    new: JsonObject = {"original_message_id": "wamid.T", "message": {"type": "hologram"}}
    event = receive("cloud-api", build_cloud(type="edit", edit=new))
    assert (event.wid, event.media_type, event.quoted_wid) == ("wamid.U", "unsupported", "wamid.T")


def test_an_edit_without_its_own_id_and_text_is_unreadable() -> None:
    edit: JsonObject = {
        "key": {"id": "T1", "remoteJid": ANA},
        "type": 14,
        "editedMessage": {"x": {}},
    }
    payload: JsonObject = {"event": "messages.edited", "instance": "x", "data": edit}
    assert describe_outcomes(translate("evolution", payload, LINE)) == ["unreadable"]


def test_a_decrypted_event_reply_has_the_id_of_the_encrypted_one() -> None:
    reply: JsonObject = {
        "eventResponseMessageKey": {"remoteJid": ANA, "fromMe": False, "id": "R1"},
        "response": {"response": "GOING", "extraGuestCount": 2},
        "senderTimestampMs": 1790000000000,
    }
    key: JsonObject = {"remoteJid": ANA, "fromMe": True, "id": "E1"}
    update: JsonObject = {"key": key, "update": {"eventResponses": [reply]}}
    event = receive("baileys", {"event": "messages.update", "data": [update]})
    assert (event.wid, event.quoted_wid, event.from_me) == ("R1", "E1", False)
    assert (event.media_type, event.body) == ("eventResponseMessage", "Going (+2)")


@pytest.mark.parametrize(
    ("reply", "media_type", "body"),
    [
        ({"response": "MAYBE"}, "eventResponseMessage", "Maybe"),
        ({"response": 2}, "eventResponseMessage", "Not going"),
        ({"response": "HOLOGRAM"}, "undecryptable", ""),
        (None, "undecryptable", ""),
    ],
)
def test_an_event_reply_of_waha_is_read(reply: Any, media_type: str, body: str) -> None:
    event = receive("waha", build_waha("event.response", eventResponse=reply))
    assert (event.media_type, event.body) == (media_type, body)


def test_a_vote_that_waha_could_not_decrypt_quotes_its_poll() -> None:
    vote: JsonObject = {
        "id": f"false_{ANA_WEB}_V1",
        "from": ANA_WEB,
        "fromMe": False,
        "selectedOptions": [],
    }
    data: JsonObject = {"vote": vote, "poll": {"id": f"true_{ANA_WEB}_P1"}}
    event = receive("waha", {"event": "poll.vote.failed", "payload": data})
    assert (event.wid, event.media_type, event.quoted_wid) == ("V1", "undecryptable", "P1")


@pytest.mark.parametrize(
    "name", ["senderKeyDistributionMessage", "pinInChatMessage", "albumMessageV2"]
)
def test_what_no_person_wrote_is_ignored(name: str) -> None:
    payload = build_proto(message={name: {"x": 1}, "messageContextInfo": {}})
    translation = translate("evolution", payload, LINE)
    listed = CLOSED_LISTS["evolution"][name.removesuffix("V2")]
    assert describe_outcomes(translation) == [f"ignored: {listed.reason}"]


@pytest.mark.parametrize("name", ["pinInChatMessages", "callNotKnownYetMessage"])
def test_a_name_that_only_begins_like_a_listed_one_is_not_ignored(name: str) -> None:
    assert receive("evolution", build_proto(message={name: {}})).media_type == "unsupported"


def test_the_documented_lists_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "gateways.md").read_text(encoding="utf-8")
    assert format_table() in page, "run `python -m shared.gateways.closed_lists`"


def test_every_kind_that_is_ignored_has_a_reason_in_words() -> None:
    for listed in CLOSED_LISTS.values():
        for kind in listed.values():
            assert kind.reason
            assert len(kind.why.split()) > 2
