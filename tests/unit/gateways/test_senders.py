"""Requests to gateways, and the meaning of their responses."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageAcked
from shared.gateways import registry as receivers
from shared.gateways.normalize.line import Line
from shared.gateways.senders import cloud_api, evolution, simulated, waha
from shared.gateways.senders.outgoing import (
    ErrorClass,
    OutgoingMessage,
    Quoted,
    derive_wid,
    derive_wid_of_send,
)
from shared.gateways.senders.registry import SENDERS
from tests.support.build import CUSTOMER, GROUP, NOON

SECONDS = int(NOON.timestamp())
LINK = "https://m.example/a/Nota%20fiscal.pdf?x=1"
TEXT = OutgoingMessage(
    instance="loja centro",
    chat=CUSTOMER,
    send_id="S1",
    wid="3EB0C0FFEE00000000ABCD",
    body="Oi",
    jid=f"{CUSTOMER}@s.whatsapp.net",
)


def build_media(kind: str | None, url: str = LINK) -> OutgoingMessage:
    return replace(TEXT, media_url=url, media_type=kind)


def test_a_text_for_evolution_carries_its_message_id() -> None:
    post = evolution.build_request(replace(TEXT, quoted=Quoted("Q1")))
    assert post.path == "/message/sendText/loja%20centro"
    assert post.json == {
        "number": CUSTOMER,
        "messageId": "3EB0C0FFEE00000000ABCD",
        "quoted": {"key": {"id": "Q1"}},
        "text": "Oi",
    }


NAMED = replace(
    TEXT,
    media_url="https://m.example/download?id=7",
    media_type="document",
    given_file_name="Nota 77.pdf",
    given_mime_type="application/x-nota",
)


def test_each_gateway_gets_the_name_and_the_mime_type_of_a_file_as_given() -> None:
    of_evolution = evolution.build_request(NAMED).json
    assert of_evolution["fileName"] == "Nota 77.pdf"
    assert of_evolution["mimetype"] == "application/x-nota"
    assert waha.build_request(NAMED).json["file"] == {
        "mimetype": "application/x-nota",
        "filename": "Nota 77.pdf",
        "url": "https://m.example/download?id=7",
    }
    document = cloud_api.build_request(NAMED).json["document"]
    assert isinstance(document, dict)
    assert document["filename"] == "Nota 77.pdf"


def test_a_file_without_a_kind_is_of_the_kind_of_its_mime_type_or_name() -> None:
    unnamed = replace(NAMED, media_type=None, given_mime_type="image/png")
    assert (unnamed.media, unnamed.mime_type) == ("image", "image/png")
    named = replace(NAMED, media_type=None, given_mime_type=None, given_file_name="a.mp4")
    assert (named.media, named.mime_type) == ("video", "video/mp4")


def test_media_for_evolution_is_a_link() -> None:
    post = evolution.build_request(build_media("application/pdf"))
    assert post.path == "/message/sendMedia/loja%20centro"
    assert post.json["mediatype"] == "document"
    assert post.json["fileName"] == "Nota fiscal.pdf"
    assert post.json["mimetype"] == "application/pdf"
    assert (post.json["media"], post.json["caption"]) == (LINK, "Oi")
    voice = evolution.build_request(build_media("audio", "https://m.example/v.ogg"))
    assert voice.path == "/message/sendWhatsAppAudio/loja%20centro"
    assert voice.json["audio"] == "https://m.example/v.ogg"


def test_a_request_to_waha_uses_its_chat_ids() -> None:
    post = waha.build_request(replace(TEXT, quoted=Quoted("Q1", from_me=True)))
    assert post.path == "/api/sendText"
    assert post.json == {
        "session": "loja centro",
        "chatId": f"{CUSTOMER}@c.us",
        "reply_to": f"true_{CUSTOMER}@c.us_Q1",
        "text": "Oi",
    }
    image = waha.build_request(build_media("image", "https://m.example/a.png"))
    assert image.path == "/api/sendImage"
    assert image.json["file"] == {
        "mimetype": "image/png",
        "filename": "a.png",
        "url": "https://m.example/a.png",
    }
    assert waha.build_request(build_media("video")).json["convert"] is True
    assert "caption" not in waha.build_request(build_media("audio")).json


def test_a_request_to_the_cloud_api_carries_our_send_id() -> None:
    post = cloud_api.build_request(replace(TEXT, instance="111", quoted=Quoted("wamid.Q")))
    assert post.path == "/v23.0/111/messages"
    assert post.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": CUSTOMER,
        "biz_opaque_callback_data": "S1",
        "context": {"message_id": "wamid.Q"},
        "type": "text",
        "text": {"body": "Oi"},
    }
    document = cloud_api.build_request(build_media("application/pdf")).json
    assert document["document"] == {"link": LINK, "caption": "Oi", "filename": "Nota fiscal.pdf"}
    assert cloud_api.build_request(build_media("audio")).json["audio"] == {"link": LINK}


@pytest.mark.parametrize(
    ("chat", "jid", "expected"),
    [
        (CUSTOMER, None, (CUSTOMER, f"{CUSTOMER}@c.us", CUSTOMER)),
        (GROUP, None, (f"{GROUP}@g.us", f"{GROUP}@g.us", GROUP)),
        (GROUP, f"{GROUP}@g.us", (f"{GROUP}@g.us", f"{GROUP}@g.us", GROUP)),
        ("5511900000001-1500000000", None, ("5511900000001-1500000000@g.us",) * 2 + (
            "5511900000001-1500000000",)),
        ("90000000000001@lid", None, ("90000000000001@lid",) * 3),
        ("5511900000009", "551190000009@c.us", ("551190000009", "551190000009@c.us",
            "551190000009")),
        ("BR.1A2b", None, ("BR.1A2b", "BR.1A2b", "BR.1A2b")),
    ],
)  # fmt: skip
def test_an_answer_goes_to_the_address_that_it_came_from(
    chat: str, jid: str | None, expected: tuple[str, str, str]
) -> None:
    sending = replace(TEXT, chat=chat, jid=jid)
    cloud = cloud_api.build_request(sending).json
    requested = (
        evolution.build_request(sending).json["number"],
        waha.build_request(sending).json["chatId"],
        cloud.get("to", cloud.get("recipient")),
    )
    assert requested == expected


@pytest.mark.parametrize("chat", [CUSTOMER, "BR.1A2b"])
def test_the_cloud_api_gets_no_lid_of_a_contact_whose_number_or_bsuid_is_known(chat: str) -> None:
    json = cloud_api.build_request(replace(TEXT, chat=chat, jid="90000000000001@lid")).json
    assert json.get("to", json.get("recipient")) == chat


def test_a_bsuid_is_a_recipient_and_a_group_is_named_as_one() -> None:
    assert "to" not in cloud_api.build_request(replace(TEXT, chat="BR.1A2b", jid=None)).json
    assert (
        cloud_api.build_request(replace(TEXT, chat=GROUP, jid=None)).json["recipient_type"]
        == "group"
    )


@pytest.mark.parametrize(
    ("media_type", "url", "kind"),
    [
        ("image", LINK, "image"),
        ("audio/ogg", LINK, "audio"),
        ("application/pdf", LINK, "document"),
        (None, "https://m.example/a.jpg", "image"),
        (None, "https://m.example/a", "document"),
        ("something else", "https://m.example/a.jpg", "document"),
    ],
)
def test_the_kind_of_a_link_follows_from_its_type_or_name(
    media_type: str | None, url: str, kind: str
) -> None:
    assert build_media(media_type, url).media == kind


@pytest.mark.parametrize(
    ("gateway", "status", "body", "error_class", "word"),
    [
        ("evolution", 201, {"key": {"id": "E1"}, "status": "PENDING"}, "ok", "E1"),
        ("evolution", 200, {"queued": True}, "unknown", "http-200"),
        ("evolution", 400, {"response": {"message": [{"exists": False, "number": "1"}]}},
         "final_recipient", "not-on-whatsapp"),
        ("evolution", 400, {"response": {"message": ["Error: Connection Closed"]}},
         "pause", "connection-closed"),
        ("evolution", 500, {"response": {"message": "Connection Closed"}},
         "pause", "connection-closed"),
        ("evolution", 400, {"response": {"message": [['instance requires property "text"']]}},
         "final_recipient", "http-400"),
        ("evolution", 400, {"response": {"message": ["PrismaClientKnownRequestError: x"]}},
         "unknown", "not-stored"),
        ("evolution", 500, {"response": {"message": "cannot read"}}, "unknown", "http-500"),
        ("evolution", 401, {"error": "Unauthorized"}, "pause", "http-401"),
        ("evolution", 404, {"response": {"message": ["no such instance"]}}, "pause", "http-404"),
        ("waha", 201, {"id": "true_5511900000001@c.us_W1"}, "ok", "W1"),
        ("waha", 201, {"id": {"_serialized": "true_5511900000001@c.us_W2"}}, "ok", "W2"),
        ("waha", 201, {"key": {"id": "W3"}}, "ok", "W3"),
        ("waha", 422, {"message": "Session status is not as expected"},
         "pause", "session-not-working"),
        ("waha", 504, None, "unknown", "http-504"),
        ("waha", 302, None, "pause", "http-302"),
        ("cloud-api", 200, {"messages": [{"id": "wamid.C1"}]}, "ok", "wamid.C1"),
        ("cloud-api", 200, {"messages": []}, "unknown", "http-200"),
        ("cloud-api", 400, {"error": {"code": 131047, "message": "x"}},
         "final_recipient", "131047"),
        ("cloud-api", 400, {"error": {"code": 132001, "message": "x"}}, "final_template", "132001"),
        ("cloud-api", 400, {"error": {"code": 131056, "message": "x"}}, "retry", "131056"),
        ("cloud-api", 401, {"error": {"code": 190, "message": "x"}}, "pause", "190"),
        ("cloud-api", 400, {"error": {"code": 999999, "message": "x"}},
         "final_recipient", "999999"),
        ("cloud-api", 429, "slow down", "retry", "http-429"),
        ("cloud-api", 503, None, "retry", "http-503"),
        ("cloud-api", 500, None, "unknown", "http-500"),
    ],
)  # fmt: skip
def test_a_response_has_an_error_class(
    gateway: str, status: int, body: JsonValue, error_class: str, word: str
) -> None:
    result = SENDERS[gateway].read_response(status, body)
    assert result.error_class == error_class
    assert (result.wid if error_class == "ok" else result.code) == word


def test_the_error_of_a_provider_is_bounded() -> None:
    result = cloud_api.read_response(
        400, {"error": {"code": 1, "message": "m", "error_data": {"details": "d" * 999}}}
    )
    assert result.error == "d" * 255


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["key", "id", "message", "response", "messages", "error", "code", "exists", "_data"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(sorted(SENDERS)), st.integers(100, 599), json_values)
def test_no_response_raises_and_only_one_with_an_id_is_sent(
    gateway: str, status: int, body: Any
) -> None:
    result = SENDERS[gateway].read_response(status, body)
    assert (result.error_class is ErrorClass.OK) == (result.wid is not None)
    assert result.wid is None or 200 <= status < 300
    assert result.wid or result.code


def test_a_derived_wid_has_the_form_of_whatsapp_and_is_stable() -> None:
    name = derive_wid(1, 10, "r1")
    assert name == derive_wid(1, 10, "r1")
    assert len({derive_wid(1, 10, "r2"), derive_wid(2, 10, "r1"), name}) == 3
    assert len(name) == 22
    assert name.startswith("3EB0")
    assert derive_wid_of_send(1, 10, name) == name
    assert derive_wid_of_send(1, 10, "campaign:7:55") == derive_wid(1, 10, "campaign:7:55")


@pytest.mark.parametrize("gateway", sorted(SENDERS))
def test_a_simulated_gateway_understands_what_its_sender_asks(gateway: str) -> None:
    sender = SENDERS[gateway]
    post = sender.build_request(TEXT)
    send = simulated.read_send_request(gateway, post.path.replace("%20", " "), post.json, SECONDS)
    assert send is not None
    assert send.text == "Oi"
    assert send.to.startswith(CUSTOMER)
    assert sender.read_response(*simulated.build_acceptance(gateway, send, "W1")).wid == "W1"
    assert (
        sender.read_response(*simulated.build_refusal(gateway, final=False)).error_class
        is ErrorClass.RETRY
    )
    final = sender.read_response(*simulated.build_refusal(gateway, final=True))
    assert final.error_class is ErrorClass.FINAL_RECIPIENT


@pytest.mark.parametrize("gateway", sorted(SENDERS))
def test_what_a_simulated_gateway_posts_is_understood(gateway: str) -> None:
    post = SENDERS[gateway].build_request(TEXT)
    send = simulated.read_send_request(gateway, post.path, post.json, SECONDS)
    assert send is not None
    line = Line(1, 10, NOON)
    for ack in simulated.ACKS:
        posted = json.loads(json.dumps(simulated.build_status(gateway, send, "W1", ack)))
        (event,) = receivers.translate(gateway, posted, line).events
        assert isinstance(event, MessageAcked)
        assert (event.wid, event.ack, event.chat) == ("W1", ack, CUSTOMER)
    own = simulated.build_echo(gateway, send, "W1")
    if own is not None:
        (event,) = receivers.translate(gateway, own, line).events
        assert isinstance(event, MessageReceived)
        assert (event.wid, event.from_me, event.body, event.chat) == ("W1", True, "Oi", CUSTOMER)
