import pytest
from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.registry import translate
from shared.gateways.whatsapp_web.ids import MessageId, parse_message_id, read_jid
from tests.unit.gateways.samples import LINE, describe_outcomes

CHAT = "5511990000001@c.us"


@pytest.mark.parametrize(
    "value",
    [
        f"true_{CHAT}_A1",
        {"fromMe": True, "remote": CHAT, "id": "A1"},
        {"fromMe": True, "remote": {"server": "c.us", "user": "5511990000001"}, "id": "A1"},
        {"_serialized": f"true_{CHAT}_A1"},
        {"$1": f"true_{CHAT}_A1"},
    ],
)
def test_an_id_is_text_or_an_object(value: str | JsonObject) -> None:
    assert parse_message_id(value) == MessageId("A1", CHAT, from_me=True)


def test_an_address_is_text_or_an_object() -> None:
    assert (
        read_jid(CHAT)
        == read_jid({"_serialized": CHAT})
        == read_jid({"server": "c.us", "user": CHAT[:13]})
    )
    assert read_jid(None) == read_jid(7) == read_jid({}) == ""


@pytest.mark.parametrize("event", ["onmessage", "onanymessage", "onselfmessage", "unreadmessages"])
def test_a_message_has_one_id_in_every_event(event: str) -> None:
    payload: JsonObject = {"event": event, "id": f"true_{CHAT}_A1", "type": "chat", "body": "oi"}
    (translated,) = translate("wppconnect", payload, LINE).events
    assert (
        translated.model_dump().items() >= {"wid": "A1", "from_me": True, "push_name": None}.items()
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("inChat", "connection.updated CONNECTED"),
        ("isLogged", "connection.updated OPENING"),
        ("notLogged", "connection.updated PENDING"),
        ("disconnectedMobile", "connection.updated PENDING"),
        ("phoneNotConnected", "connection.updated TIMEOUT"),
        ("autocloseCalled", "connection.updated DISCONNECTED"),
    ],
)
def test_a_session_status_becomes_the_state_of_the_line(status: str, outcome: str) -> None:
    payload: JsonObject = {"event": "status-find", "session": "loja", "status": status}
    assert describe_outcomes(translate("wppconnect", payload, LINE)) == [outcome]


def build_message(**members: JsonValue) -> JsonObject:
    payload: JsonObject = {"event": "onmessage", "id": f"false_{CHAT}_A1", "type": "chat"}
    return payload | {"session": "loja", "t": 1790000000, "from": CHAT} | members


@pytest.mark.parametrize(
    "acked",
    [
        {"id": f"true_{CHAT}_A1", "status": 3},
        {"ack": {"id": {"fromMe": True, "remote": CHAT, "id": "A1"}, "ack": 3}},
    ],
    ids=["through the mapper", "of the first versions"],
)
def test_an_ack_is_found_wherever_a_version_puts_it(acked: JsonObject) -> None:
    payload: JsonObject = {"event": "onack", "session": "loja", **acked}
    (event,) = translate("wppconnect", payload, LINE).events
    assert event.model_dump().items() >= {"wid": "A1", "ack": 3, "chat": "5511990000001"}.items()


def test_the_name_that_the_mapper_gives_is_the_push_name() -> None:
    payload = build_message(content="oi", phone="5511990000001", status=1, contactName="Ana")
    (event,) = translate("wppconnect", payload, LINE).events
    assert event.model_dump().items() >= {"body": "oi", "push_name": "Ana"}.items()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"event": "session-logged", "status": False}, "session-logged"),
        ({"event": "session-error", "0": "l"}, "session-error"),
        ({"event": "status-find", "status": "serverWssNotConnected"}, "serverWssNotConnected"),
        ({"event": "status-find", "status": "noOpenBrowser"}, "noOpenBrowser"),
    ],
)
def test_a_session_that_did_not_open_is_disconnected(payload: JsonObject, reason: str) -> None:
    (event,) = translate("wppconnect", payload, LINE).events
    assert event.model_dump().items() >= {"status": "DISCONNECTED", "reason": reason}.items()


def test_our_own_unanswered_call_is_no_message() -> None:
    call = build_message(id=f"true_{CHAT}_C1", type="call_log", callOutcome="Missed")
    assert describe_outcomes(translate("wppconnect", call, LINE)) == ["ignored: call-outgoing"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pinned_message", "pin"),
        ("poll_add_option_encrypted", "poll-option"),
        ("group-history", "history-notice"),
    ],
)
def test_new_message_types_of_whatsapp_web_are_ignored_with_a_reason(
    kind: str, reason: str
) -> None:
    translation = translate("wppconnect", build_message(type=kind), LINE)
    assert describe_outcomes(translation) == [f"ignored: {reason}"]


@pytest.mark.parametrize(
    ("members", "media_type", "body"),
    [
        (
            {"type": "event_creation", "eventName": "Visita", "eventStartTime": 1790000000},
            "eventMessage",
            "Visita\n2026-09-21 14:13 UTC",
        ),
        (
            {
                "type": "interactive",
                "interactivePayload": {
                    "buttons": [{"name": "cta_url", "buttonParamsJson": '{"display_text": "Ver"}'}]
                },
            },
            "interactiveMessage",
            "Ver",
        ),
        (
            {
                "type": "interactive_response",
                "interactivePayload": {
                    "name": "galaxy_message",
                    "buttonParamsJson": '{"nome": "Ana", "flow_token": "x",'
                    ' "flow_message_version": 3, "wa_flow_response_params": {"title": "T"}}',
                },
            },
            "interactiveResponseMessage",
            "nome: Ana",
        ),
        (
            {
                "type": "interactive_response",
                "interactivePayload": {
                    "name": "menu_options",
                    "paramsJson": '{"id": "1", "title": "Financeiro"}',
                },
            },
            "interactiveResponseMessage",
            "Financeiro",
        ),
        (
            {"type": "interactive_response", "body": '{"flow_token": "x", "nome": "Ana"}'},
            "interactiveResponseMessage",
            "nome: Ana",
        ),
        (
            {"type": "automated_greeting_message", "body": "Como podemos ajudar?"},
            "conversation",
            "Como podemos ajudar?",
        ),
    ],
)
def test_a_message_shows_its_text_where_it_has_one(
    members: JsonObject, media_type: str, body: str
) -> None:
    (event,) = translate("wppconnect", build_message(**members), LINE).events
    assert event.model_dump().items() >= {"media_type": media_type, "body": body}.items()


@pytest.mark.parametrize(("voter", "from_me"), [("5511990000099@c.us", True), (CHAT, False)])
def test_a_vote_of_the_author_of_our_poll_in_a_group_is_ours(voter: str, *, from_me: bool) -> None:
    group = "120363000000000777@g.us"
    vote: JsonObject = {
        "event": "onpollresponse",
        "msgId": f"true_{group}_P1_5511990000099:4@c.us",
        "chatId": group,
        "selectedOptions": [{"name": "Sexta", "localId": 0}],
        "timestamp": 1790000000000,
        "sender": voter,
    }
    (event,) = translate("wppconnect", vote, LINE).events
    assert event.model_dump().items() >= {"from_me": from_me, "body": "Sexta"}.items()
