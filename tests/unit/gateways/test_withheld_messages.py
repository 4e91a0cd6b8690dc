"""Messages that arrive without their content, in the less common forms of each gateway."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageAcked
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import Translation
from shared.gateways.registry import translate

LINE = Line(1, 10, datetime(2026, 8, 20, 12, tzinfo=UTC))
JID = "5511990000001@s.whatsapp.net"
KEY = {"remoteJid": JID, "fromMe": False, "id": "X"}
WEB_ID = "false_5511990000001@c.us_X"
GO_INFO = {"Chat": JID, "Sender": JID, "ID": "X", "IsFromMe": False, "PushName": "Ana"}
WAHA = {"id": WEB_ID, "from": "5511990000001@c.us", "fromMe": False}


def read(gateway: str, payload: Any) -> Translation:
    return translate(gateway, payload, LINE)


def update(key: dict[str, Any] = KEY, **members: Any) -> Translation:
    data = [{"key": key, "update": members}]
    return read("baileys", {"event": "messages.update", "data": data})


def waha(event: str, data: dict[str, Any]) -> Translation:
    payload = {**WAHA, "_data": data}
    return read("waha", {"event": event, "session": "s", "payload": payload})


def go(event: str, **members: Any) -> Translation:
    return read("evolution-go", {"event": event, "data": {"Info": GO_INFO, **members}})


def read_only_message(translation: Translation) -> MessageReceived:
    (event,) = translation.events
    assert isinstance(event, MessageReceived)
    assert (translation.ignored, translation.unreadable) == ((), ())
    return event


@pytest.mark.parametrize("from_me", [True, False])
@pytest.mark.parametrize("parameters", [[], ["Message absent from node"]])
def test_an_update_that_says_undecryptable_is_a_placeholder(
    from_me: bool, parameters: list[str]
) -> None:
    key = {**KEY, "fromMe": from_me}
    message = read_only_message(update(key, messageStubType=2, messageStubParameters=parameters))
    assert (message.media_type, message.from_me) == ("undecryptable", from_me)


def test_a_system_notice_in_an_update_is_no_message() -> None:
    translation = update(messageStubType=21, messageStubParameters=["Novo assunto"])
    assert [ignored.reason for ignored in translation.ignored] == ["system-notice"]
    assert translation.events == ()


@pytest.mark.parametrize("message", [{}, {"messageContextInfo": {}}])
def test_the_status_of_an_update_without_content_counts(message: dict[str, Any]) -> None:
    (event,) = update({**KEY, "fromMe": True}, message=message, status=3).events
    assert isinstance(event, MessageAcked)


@pytest.mark.parametrize("gateway", ["whatsapp-web-js", "wppconnect", "waha"])
def test_an_edit_without_words_is_a_placeholder_that_quotes_its_message(gateway: str) -> None:
    message = {
        "id": {"_serialized": WEB_ID, "id": "X", "remote": "5511990000001@c.us", "fromMe": False},
        "from": "5511990000001@c.us", "type": "protocol", "subtype": "message_edit",
        "protocolMessageKey": {"_serialized": "false_5511990000001@c.us_PAR"},
    }  # fmt: skip
    payloads: dict[str, Any] = {
        "whatsapp-web-js": {"event": "message", "data": message},
        "wppconnect": {"event": "onmessage", "session": "s", **message},
        "waha": {"event": "message", "session": "s", "payload": {**WAHA, "_data": message}},
    }
    found = read_only_message(read(gateway, payloads[gateway]))
    assert (found.media_type, found.quoted_wid) == ("unsupported", "PAR")


@pytest.mark.parametrize("gateway", ["baileys", "evolution"])
def test_an_edit_without_the_edited_message_is_a_placeholder(gateway: str) -> None:
    message = {"protocolMessage": {"type": 14, "key": {"id": "PAR"}}}
    data = {"key": KEY, "message": message, "messageTimestamp": 1_787_228_103}
    payload = {"event": "messages.upsert", "instance": "loja", "data": data}
    found = read_only_message(read(gateway, payload))
    assert (found.media_type, found.quoted_wid) == ("unsupported", "PAR")


@pytest.mark.parametrize("event", ["message", "message.waiting"])
@pytest.mark.parametrize(
    ("kind", "media_type"), [("view_once", "view_once"), ("", "undecryptable")]
)
def test_whatsmeow_says_why_a_message_of_waha_is_withheld(
    event: str, kind: str, media_type: str
) -> None:
    data = {"Info": GO_INFO, "IsUnavailable": True, "UnavailableType": kind}
    message = read_only_message(waha(event, data))
    assert (message.media_type, message.push_name) == (media_type, "Ana")


def test_baileys_says_in_the_key_that_a_waiting_message_is_view_once() -> None:
    data = {"key": {**KEY, "isViewOnce": True}, "pushName": "Ana"}
    message = read_only_message(waha("message.waiting", data))
    assert (message.media_type, message.push_name) == ("view_once", "Ana")


@pytest.mark.parametrize(
    ("members", "media_type"),
    [
        ({}, "undecryptable"),
        ({"Message": {}, "IsUnavailable": True}, "undecryptable"),
        ({"Message": {}, "UnavailableType": "view_once"}, "view_once"),
    ],
)
def test_an_undecryptable_message_of_evolution_go_is_named_by_its_event(
    members: dict[str, Any], media_type: str
) -> None:
    assert read_only_message(go("UndecryptableMessage", **members)).media_type == media_type
