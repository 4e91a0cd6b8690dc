"""What is offered and what is filled in can be read, whichever gateway brings it."""

import json
from typing import Any

import pytest
from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways.normalize.form_answers import LONGEST_ANSWER, MOST_ANSWERS
from shared.gateways.registry import translate
from tests.laws.gateway_messages import FORMS
from tests.unit.gateways.samples import LINE

PROTO = ("baileys", "evolution", "evolution-go", "waha of GOWS")
WEB = ("waha", "whatsapp-web-js", "wppconnect")


def translate_one(form: str, members: dict[str, Any]) -> MessageReceived:
    gateway, build = FORMS[form]
    translation = translate(gateway, build(members), LINE)
    (event,) = translation.events
    assert isinstance(event, MessageReceived)
    return event


def build_form(form: str, answers: JsonValue, *, name: str = "flow") -> dict[str, Any]:
    """Build a filled form in the way of a gateway, with its answers as JSON text."""
    json_text = answers if isinstance(answers, str) else json.dumps(answers)
    if form == "cloud-api":
        reply = {"name": name, "body": "Sent", "response_json": json_text}
        return {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": reply}}
    if form in WEB:
        payload = {"name": name, "paramsJson": json_text}
        return {"type": "interactive_response", "body": "Sent", "interactivePayload": payload}
    flow = {"name": name, "paramsJson": json_text}
    filled = {"body": {"text": "Sent"}, "nativeFlowResponseMessage": flow}
    return {"interactiveResponseMessage": filled}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_shows_its_answers_with_their_names_but_not_its_token(form: str) -> None:
    answers: JsonValue = {
        "flow_token": "SEGREDO",
        "nome": "Ana",
        "dias": ["seg", "ter"],
        "idade": 31,
        "aceito": True,
        "foto": [{"file_name": "casa.jpg", "sha256": "SEGREDO"}],
        "wa_flow_response_params": {"title": "Cadastro"},
    }
    event = translate_one(form, build_form(form, answers))
    shown = "Sent\nnome: Ana\ndias: seg, ter\nidade: 31\naceito: true\nfoto: casa.jpg"
    assert (event.media_type, event.body) == ("interactiveResponseMessage", shown)
    assert "SEGREDO" not in str(event.data_json)
    assert '"nome":"Ana"' in str(event.data_json)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("answers", "shown", "kept"),
    [
        ('["Ana", 31]', "Sent\nAna, 31", '["Ana",31]'),
        ('"Ana"', "Sent\nAna", '"Ana"'),
        ("31", "Sent\n31", "31"),
        ("Rua A, 1", "Sent\nRua A, 1", '"Rua A, 1"'),
        (json.dumps('{"nome": "Ana", "flow_token": "x"}'), "Sent\nnome: Ana", '{"nome":"Ana"}'),
        ('[{"nome": "Ana", "flow_token": "x"}]', "Sent\nnome: Ana", '[{"nome":"Ana"}]'),
    ],
)
def test_answers_that_are_no_object_can_still_be_read(
    form: str, answers: str, shown: str, kept: str
) -> None:
    event = translate_one(form, build_form(form, answers))
    assert event.body == shown
    assert kept in str(event.data_json)


NESTED: dict[str, Any] = {
    "pedido": {"item": "Sopa", "entrega": {"rua": "A", "numero": 10, "flow_token": "SEGREDO"}},
    "itens": [{"nome": "Bolo", "cores": ["azul", "verde"]}, {"nome": "Suco"}],
    "pares": [["a", "b"], ["c"]],
    "vazio": {"nada": [], "nulo": None},
}


@pytest.mark.parametrize("form", FORMS)
def test_nested_answers_are_shown_with_the_place_where_they_are(form: str) -> None:
    event = translate_one(form, build_form(form, NESTED))
    assert event.body.split("\n") == [
        "Sent",
        "pedido.item: Sopa",
        "pedido.entrega.rua: A",
        "pedido.entrega.numero: 10",
        "itens.1.nome: Bolo",
        "itens.1.cores: azul, verde",
        "itens.2.nome: Suco",
        "pares.1: a, b",
        "pares.2: c",
    ]
    assert "SEGREDO" not in str(event.data_json)


@pytest.mark.parametrize("form", FORMS)
def test_answers_in_too_many_levels_are_not_followed(form: str) -> None:
    answers: Any = "fundo"
    for _ in range(100):
        answers = {"x": answers}
    event = translate_one(form, build_form(form, {"nome": "Ana", "outro": answers}))
    assert event.body == "Sent\nnome: Ana"


@pytest.mark.parametrize("form", [*PROTO, *WEB])
@pytest.mark.parametrize("name", ["call_permission_request", "call_permission_reply"])
@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ({"response": "accept", "is_permanent": False}, "Sent\nCall permission: accepted"),
        (
            {"response": "ACCEPT", "is_permanent": True},
            "Sent\nCall permission: accepted (permanent)",
        ),
        ({"response": "reject", "expiration_timestamp": 1}, "Sent\nCall permission: rejected"),
        ({"response": "hologram"}, "Sent"),
        ({}, "Sent"),
    ],
)
def test_the_answer_to_a_call_permission_request_is_said_in_words(
    form: str, name: str, answer: dict[str, Any], shown: str
) -> None:
    event = translate_one(form, build_form(form, answer, name=name))
    assert (event.media_type, event.body) == ("interactiveResponseMessage", shown)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("answers", ['{"flow_token":"SEGREDO', '"{\\"flow_token\\":\\"SEGREDO'])
def test_broken_answers_show_no_token(form: str, answers: str) -> None:
    event = translate_one(form, build_form(form, answers))
    assert event.body == "Sent"
    assert "SEGREDO" not in str(event.data_json)


@pytest.mark.parametrize("form", FORMS)
def test_an_address_shows_its_parts(form: str) -> None:
    address: JsonValue = {"values": {"name": "Ana", "address": "Rua A, 1"}}
    event = translate_one(form, build_form(form, address, name="address_message"))
    assert event.body == "Sent\nname: Ana\naddress: Rua A, 1"


@pytest.mark.parametrize("form", FORMS)
def test_the_answers_that_are_shown_are_bounded(form: str) -> None:
    many: JsonValue = {f"a{number}": "x" for number in range(MOST_ANSWERS + 1)}
    lines = translate_one(form, build_form(form, many)).body.split("\n")
    assert lines[1:] == [f"a{number}: x" for number in range(MOST_ANSWERS)]
    long: JsonValue = {"a" * 200: "x" * (LONGEST_ANSWER + 1)}
    event = translate_one(form, build_form(form, long))
    assert event.body == f"Sent\n{'a' * 80}: {'x' * LONGEST_ANSWER}"


SECTIONS: dict[str, Any] = {
    "sections": [
        {"title": "Pratos", "rows": [{"title": "Sopa", "id": "1"}, {"title": "Bolo"}]},
        {"rows": [{"title": "Suco"}]},
    ]
}


def build_list(form: str) -> dict[str, Any]:
    texts = {"title": "Cardápio", "description": "Escolha", "footerText": "Loja"}
    if form in WEB:
        return {"type": "list", "body": "Cardápio", "list": {**texts, **SECTIONS}}
    return {"listMessage": {**texts, "buttonText": "Ver", **SECTIONS}}


@pytest.mark.parametrize("form", [*PROTO, *WEB])
def test_a_list_shows_its_rows_below_its_text(form: str) -> None:
    event = translate_one(form, build_list(form))
    assert event.media_type == "listMessage"
    assert event.body == "Cardápio\nEscolha\nLoja\nSopa\nBolo\nSuco"


def test_a_list_that_the_cloud_api_echoes_shows_the_same() -> None:
    texts = {"header": "Cardápio", "body": "Escolha", "footer": "Loja"}
    shown = {part: {"text": text} for part, text in texts.items()}
    offered = {"type": "list", **shown, "action": {"button": "Ver", **SECTIONS}}
    event = translate_one("cloud-api", {"type": "interactive", "interactive": offered})
    assert event.body == "Cardápio\nEscolha\nLoja\nSopa\nBolo\nSuco"


LABELS = [{"buttonId": str(n), "buttonText": {"displayText": t}} for n, t in enumerate("AB")]
HYDRATED = [{"quickReplyButton": {"displayText": "A"}}, {"urlButton": {"displayText": "B"}}]


@pytest.mark.parametrize("form", PROTO)
@pytest.mark.parametrize(
    "offered",
    [
        {"buttonsMessage": {"contentText": "Confirma?", "buttons": LABELS}},
        {
            "templateMessage": {
                "hydratedTemplate": {
                    "hydratedContentText": "Confirma?",
                    "hydratedButtons": HYDRATED,
                }
            }
        },
    ],
)
def test_buttons_are_shown_below_the_text(form: str, offered: dict[str, Any]) -> None:
    assert translate_one(form, offered).body == "Confirma?\nA\nB"


@pytest.mark.parametrize("form", WEB)
@pytest.mark.parametrize(
    "offered",
    [
        {"type": "buttons", "dynamicReplyButtons": LABELS},
        {"type": "buttons", "buttons": [{"text": "A"}, {"displayText": "B"}]},
        {"type": "template", "hydratedButtons": HYDRATED},
    ],
)
def test_buttons_of_whatsapp_web_are_shown_below_the_text(
    form: str, offered: dict[str, Any]
) -> None:
    assert translate_one(form, {"body": "Confirma?", **offered}).body == "Confirma?\nA\nB"


def build_native_flow(form: str, *buttons: tuple[str, Any]) -> dict[str, Any]:
    built = [{"name": name, "buttonParamsJson": json.dumps(given)} for name, given in buttons]
    if form in WEB:
        payload = {"buttons": built}
        return {"type": "interactive", "body": "Como quer?", "interactivePayload": payload}
    offered = {"body": {"text": "Como quer?"}, "nativeFlowMessage": {"buttons": built}}
    return {"viewOnceMessage": {"message": {"interactiveMessage": offered}}}


@pytest.mark.parametrize("form", [*PROTO, *WEB])
def test_a_native_flow_shows_its_buttons_and_the_rows_of_its_lists(form: str) -> None:
    reply, choice = {"display_text": "Sim"}, {"title": "Ver", **SECTIONS}
    offered = build_native_flow(form, ("quick_reply", reply), ("single_select", choice))
    event = translate_one(form, offered)
    assert event.body == "Como quer?\nSim\nVer\nSopa\nBolo\nSuco"


def build_pix(kind: str, **pix: str) -> dict[str, Any]:
    return {"payment_settings": [{"type": kind, kind: {"merchant_name": "Loja", **pix}}]}


@pytest.mark.parametrize("form", [*PROTO, *WEB])
@pytest.mark.parametrize("key_type", ["CPF", "CNPJ", "EMAIL", "PHONE", "EVP"])
def test_the_kind_of_a_pix_key_is_shown(form: str, key_type: str) -> None:
    pix = build_pix("pix_static_code", key="11990000001", key_type=key_type)
    event = translate_one(form, build_native_flow(form, ("payment_info", pix)))
    assert event.body == f"Como quer?\nLoja\nPIX {key_type}: 11990000001"


def test_a_pix_key_that_the_cloud_api_echoes_is_shown_with_its_kind() -> None:
    pix = build_pix("pix_dynamic_code", code="000201", key="39580525000189", key_type="CNPJ")
    action = {"name": "review_and_pay", "parameters": pix}
    offered = {"type": "order_details", "body": {"text": "Pague"}, "action": action}
    event = translate_one("cloud-api", {"type": "interactive", "interactive": offered})
    assert event.body == "Pague\nLoja\nPIX CNPJ: 39580525000189"


@pytest.mark.parametrize("form", [*PROTO, *WEB])
@pytest.mark.parametrize(
    ("key_type", "shown"), [("", "PIX"), (" ", "PIX"), ("random", "PIX RANDOM"), ("7", "PIX 7")]
)
def test_a_pix_key_of_another_kind_can_be_read(form: str, key_type: str, shown: str) -> None:
    pix = build_pix("pix_static_code", key="11990000001", key_type=key_type)
    event = translate_one(form, build_native_flow(form, ("payment_info", pix)))
    assert event.body == f"Como quer?\nLoja\n{shown}: 11990000001"


VCARD_2_1 = (
    "BEGIN:VCARD\r\nVERSION:2.1\r\n"
    "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=41=72=61=C3=BA=6A=6F;=4A=6F=C3=A3=6F;;;\r\n"
    "{name}TEL;CELL:+55 11 99000-0001\r\nEND:VCARD"
)
NAME_2_1 = (
    "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=4A=6F=C3=\r\n"
    "=A3=6F=20=41=72=61=C3=BA=\r\n=6A=6F\r\n"
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [NAME_2_1, NAME_2_1.replace("\r\n", "\n"), ""])
def test_a_name_in_quoted_printable_is_decoded(form: str, name: str) -> None:
    vcard = VCARD_2_1.format(name=name)
    card: dict[str, Any] = {"contactMessage": {"vcard": vcard}}
    if form in WEB:
        card = {"type": "vcard", "body": vcard}
    if form == "cloud-api":
        card = {"type": "contacts", "contacts": [{"vcard": vcard}]}
    event = translate_one(form, card)
    assert (event.media_type, event.body) == ("contactMessage", "João Araújo: +55 11 99000-0001")
