"""Requests for templates, buttons, lists and changes of messages, as each gateway wants them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import JsonValue

from shared.contracts.message_content import (
    ChangeKind,
    MessageTemplate,
    OptionList,
    ReplyButton,
)
from shared.gateways.senders import cloud_api, evolution, simulated, waha
from shared.gateways.senders.outgoing import ErrorClass, OutgoingChange, OutgoingMessage, Quoted
from shared.gateways.senders.registry import SENDERS
from tests.support.build import CUSTOMER, GROUP, NOON

SECONDS = int(NOON.timestamp())
TEXT = OutgoingMessage(
    instance="loja", chat=CUSTOMER, send_id="S1", wid="3EB0C0FFEE00000000ABCD", body="Confirma?"
)
BUTTONS = replace(
    TEXT, buttons=(ReplyButton(id="sim", title="Sim"), ReplyButton(id="nao", title="Não"))
)
LIST = replace(
    TEXT,
    option_list=OptionList.model_validate(
        {
            "button": "Horários",
            "sections": [
                {"title": "Manhã", "rows": [{"id": "9", "title": "9 h", "description": "poucas"}]},
                {"title": "Tarde", "rows": [{"id": "14", "title": "14 h"}]},
            ],
        }
    ),
)
TEMPLATE = replace(
    TEXT,
    body="Olá Ana",
    template=MessageTemplate.model_validate(
        {
            "name": "pedido_pronto",
            "language": "pt_BR",
            "header": {"mediaUrl": "https://m.example/a.pdf", "mediaType": "document"},
            "body": [{"text": "Ana"}],
            "buttons": [
                {"index": 0, "kind": "url", "text": "77"},
                {"index": 1, "kind": "quick-reply", "text": "sair"},
                {"index": 2, "kind": "copy-code", "text": "DEZ"},
            ],
        }
    ),
)
JID, CHAT_ID = f"{CUSTOMER}@s.whatsapp.net", f"{CUSTOMER}@c.us"
NUMBERED = "Confirma?\n\n1. Sim\n2. Não"


def change(kind: ChangeKind, *, from_me: bool = False, text: str = "", **members: Any) -> Any:
    of = Quoted("T1", from_me, members.pop("author", None))
    return replace(TEXT, body="", change=OutgoingChange(kind, of, text), **members)


def test_the_cloud_api_gets_a_template_with_the_parameters_of_its_components() -> None:
    post = cloud_api.build_request(TEMPLATE)
    assert post.path == "/v23.0/loja/messages"
    assert post.json["type"] == "template"
    assert post.json["template"] == {
        "name": "pedido_pronto",
        "language": {"code": "pt_BR"},
        "components": [
            {
                "type": "header",
                "parameters": [{"type": "document", "document": {"link": "https://m.example/a.pdf"}}],
            },
            {"type": "body", "parameters": [{"type": "text", "text": "Ana"}]},
            {
                "type": "button", "sub_type": "url", "index": "0",
                "parameters": [{"type": "text", "text": "77"}],
            },
            {
                "type": "button", "sub_type": "quick_reply", "index": "1",
                "parameters": [{"type": "payload", "payload": "sair"}],
            },
            {
                "type": "button", "sub_type": "copy_code", "index": "2",
                "parameters": [{"type": "coupon_code", "coupon_code": "DEZ"}],
            },
        ],
    }  # fmt: skip


def test_a_template_with_named_parameters_names_them() -> None:
    template = MessageTemplate.model_validate(
        {
            "name": "oi",
            "language": "pt_BR",
            "header": {"text": "77"},
            "body": [{"name": "nome", "text": "Ana"}],
        }
    )
    post = cloud_api.build_request(replace(TEXT, template=template)).json
    assert post["template"] == {
        "name": "oi",
        "language": {"code": "pt_BR"},
        "components": [
            {"type": "header", "parameters": [{"type": "text", "text": "77"}]},
            {
                "type": "body",
                "parameters": [{"type": "text", "text": "Ana", "parameter_name": "nome"}],
            },
        ],
    }


def test_other_gateways_get_the_text_of_a_template() -> None:
    for build, path in (
        (evolution.build_request, "/message/sendText/loja"),
        (waha.build_request, "/api/sendText"),
    ):
        post = build(TEMPLATE)
        assert (post.path, post.json["text"]) == (path, "Olá Ana")


def test_the_cloud_api_gets_buttons_and_lists_as_interactive_messages() -> None:
    post = cloud_api.build_request(BUTTONS).json
    assert post["interactive"] == {
        "type": "button",
        "body": {"text": "Confirma?"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "sim", "title": "Sim"}},
                {"type": "reply", "reply": {"id": "nao", "title": "Não"}},
            ]
        },
    }
    post = cloud_api.build_request(LIST).json
    assert (post["type"], post["interactive"]) == (
        "interactive",
        {
            "type": "list",
            "body": {"text": "Confirma?"},
            "action": {
                "button": "Horários",
                "sections": [
                    {
                        "title": "Manhã",
                        "rows": [{"id": "9", "title": "9 h", "description": "poucas"}],
                    },
                    {"title": "Tarde", "rows": [{"id": "14", "title": "14 h"}]},
                ],
            },
        },
    )


def test_evolution_gets_buttons_and_lists_by_its_own_paths() -> None:
    post = evolution.build_request(BUTTONS)
    assert post.path == "/message/sendButtons/loja"
    assert post.json == {
        "number": CUSTOMER,
        "messageId": TEXT.wid,
        "title": "Confirma?",
        "buttons": [
            {"type": "reply", "displayText": "Sim", "id": "sim"},
            {"type": "reply", "displayText": "Não", "id": "nao"},
        ],
    }
    post = evolution.build_request(LIST)
    assert post.path == "/message/sendList/loja"
    assert post.json == {
        "number": CUSTOMER,
        "messageId": TEXT.wid,
        "title": "Confirma?",
        "description": "",
        "buttonText": "Horários",
        "footerText": "",
        "sections": [
            {
                "title": "Manhã",
                "rows": [{"title": "9 h", "rowId": "9", "description": "poucas"}],
            },
            {"title": "Tarde", "rows": [{"title": "14 h", "rowId": "14"}]},
        ],
    }


def test_waha_gets_buttons_and_lists_as_numbered_text() -> None:
    post = waha.build_request(BUTTONS)
    assert (post.path, post.json["text"]) == ("/api/sendText", NUMBERED)
    post = waha.build_request(LIST)
    assert post.json["text"] == "Confirma?\n\n1. 9 h - poucas\n2. 14 h"


KEY = {"remoteJid": JID, "fromMe": False, "id": "T1"}
OUR_KEY = {**KEY, "fromMe": True}
LONG_ID = f"/api/loja/chats/{CUSTOMER}%40c.us/messages/true_{CUSTOMER}%40c.us_T1"


@pytest.mark.parametrize(
    ("gateway", "asked", "expected"),
    [
        ("evolution", change(ChangeKind.REACT, text="👍"),
         ("POST", "/message/sendReaction/loja", {"key": KEY, "reaction": "👍"})),
        ("evolution", change(ChangeKind.REACT),
         ("POST", "/message/sendReaction/loja", {"key": KEY, "reaction": ""})),
        ("evolution", change(ChangeKind.EDIT, from_me=True, text="novo"),
         ("POST", "/chat/updateMessage/loja",
          {"number": CUSTOMER, "text": "novo", "key": OUR_KEY})),
        ("evolution", change(ChangeKind.DELETE, from_me=True),
         ("DELETE", "/chat/deleteMessageForEveryone/loja", OUR_KEY)),
        ("evolution", change(ChangeKind.MARK_READ),
         ("POST", "/chat/markMessageAsRead/loja", {"readMessages": [KEY]})),
        ("waha", change(ChangeKind.REACT, text="👍"),
         ("PUT", "/api/reaction",
          {"session": "loja", "messageId": f"false_{CHAT_ID}_T1", "reaction": "👍"})),
        ("waha", change(ChangeKind.EDIT, from_me=True, text="novo"),
         ("PUT", LONG_ID, {"text": "novo"})),
        ("waha", change(ChangeKind.DELETE, from_me=True), ("DELETE", LONG_ID, {})),
        ("waha", change(ChangeKind.MARK_READ),
         ("POST", "/api/sendSeen",
          {"session": "loja", "chatId": CHAT_ID, "messageIds": [f"false_{CHAT_ID}_T1"]})),
        ("cloud-api", change(ChangeKind.REACT, text="👍"),
         ("POST", "/v23.0/loja/messages",
          {"messaging_product": "whatsapp", "recipient_type": "individual", "to": CUSTOMER,
           "biz_opaque_callback_data": "S1", "type": "reaction",
           "reaction": {"message_id": "T1", "emoji": "👍"}})),
        ("cloud-api", change(ChangeKind.MARK_READ),
         ("POST", "/v23.0/loja/messages",
          {"messaging_product": "whatsapp", "status": "read", "message_id": "T1"})),
    ],
)  # fmt: skip
def test_a_change_is_requested_as_the_gateway_wants_it(
    gateway: str, asked: OutgoingMessage, expected: tuple[str, str, JsonValue]
) -> None:
    post = SENDERS[gateway].build(asked)
    assert (post.method, post.path, post.json) == expected


def test_in_a_group_the_author_is_a_part_of_the_name_of_a_message() -> None:
    asked = change(ChangeKind.MARK_READ, author="5511900000002@c.us", chat=GROUP)
    post = SENDERS["evolution"].build(asked).json
    assert post == {
        "readMessages": [
            {
                "remoteJid": f"{GROUP}@g.us",
                "fromMe": False,
                "id": "T1",
                "participant": "5511900000002@c.us",
            }
        ]
    }
    seen = SENDERS["waha"].build(asked).json
    assert seen["messageIds"] == [f"false_{GROUP}@g.us_T1_5511900000002@c.us"]
    assert seen["participant"] == "5511900000002@c.us"


def test_messages_cannot_be_edited_or_deleted_by_the_cloud_api() -> None:
    assert SENDERS["cloud-api"].changes == {ChangeKind.REACT, ChangeKind.MARK_READ}
    assert SENDERS["evolution"].changes == SENDERS["waha"].changes == set(ChangeKind)


@pytest.mark.parametrize(
    ("gateway", "status", "body", "error_class", "word"),
    [
        ("evolution", 201, {"key": {"id": "R1"}}, "ok", "R1"),
        ("evolution", 201, {"key": {"id": "T1"}}, "ok", None),
        ("evolution", 201, {"message": "Read messages", "read": "success"}, "ok", None),
        ("evolution", 400, {"response": {"message": ["Message is older than 15 minutes"]}},
         "final_recipient", "http-400"),
        ("evolution", 404, None, "final_recipient", "http-404"),
        ("evolution", 500, {"response": {"message": "Connection Closed"}},
         "pause", "connection-closed"),
        ("waha", 200, None, "ok", None),
        ("waha", 404, {"message": "no message"}, "final_recipient", "http-404"),
        ("waha", 500, None, "unknown", "http-500"),
        ("waha", 429, None, "retry", "http-429"),
        ("cloud-api", 200, {"success": True}, "ok", None),
        ("cloud-api", 400, {"error": {"code": 131009, "message": "x"}},
         "final_recipient", "131009"),
        ("cloud-api", 401, {"error": {"code": 190, "message": "x"}}, "pause", "190"),
    ],
)  # fmt: skip
def test_a_change_needs_no_id_in_the_response(
    gateway: str, status: int, body: JsonValue, error_class: str, word: str | None
) -> None:
    result = SENDERS[gateway].read(change(ChangeKind.REACT), status, body)
    assert result.error_class == error_class
    assert (result.wid if error_class == "ok" else result.code) == word


@pytest.mark.parametrize(
    ("gateway", "kind"),
    [(gateway, kind) for gateway in sorted(SENDERS) for kind in sorted(SENDERS[gateway].changes)],
)
def test_a_simulated_gateway_understands_each_change(gateway: str, kind: ChangeKind) -> None:
    sender = SENDERS[gateway]
    asked = change(kind, from_me=kind in {ChangeKind.EDIT, ChangeKind.DELETE}, text="novo")
    post = sender.build(asked)
    body = json.loads(json.dumps(post.json))
    path = post.path.replace("%40", "@")
    found = simulated.read_send_request(gateway, path, body, SECONDS, post.method)
    assert found is not None
    assert (found.kind, found.target) == (kind, "T1")
    assert found.text == ("novo" if kind in {ChangeKind.REACT, ChangeKind.EDIT} else "")
    response = sender.read(asked, *simulated.build_acceptance(gateway, found, "W1"))
    assert response.error_class is ErrorClass.OK
    other = "GET" if post.method == "POST" else "POST"
    assert simulated.read_send_request(gateway, path, body, SECONDS, other) is None


@pytest.mark.parametrize("gateway", sorted(SENDERS))
def test_a_simulated_gateway_understands_templates_and_options(gateway: str) -> None:
    texts = {
        "cloud-api": ["pedido_pronto", "Confirma?", "Confirma?"],
        "evolution": ["Olá Ana", "Confirma?", "Confirma?"],
        "waha": ["Olá Ana", NUMBERED, "Confirma?\n\n1. 9 h - poucas\n2. 14 h"],
    }[gateway]
    kinds = {
        "cloud-api": ["template", "buttons", "list"],
        "evolution": ["message", "buttons", "list"],
        "waha": ["message", "message", "message"],
    }[gateway]
    found = []
    for asked in (TEMPLATE, BUTTONS, LIST):
        post = SENDERS[gateway].build(asked)
        send = simulated.read_send_request(gateway, post.path, post.json, SECONDS)
        assert send is not None
        found.append((send.kind, send.text))
    assert found == list(zip(kinds, texts, strict=True))
