"""Messages that are asked for become rows and sends."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.messages.composing import rules
from services.messages.composing.templates import KnownTemplate, TemplateKey
from services.messages.domain.keys import ChatKey, LineKey, MessageKey
from services.messages.domain.routes import Route
from shared.contracts.message import MessageRefused, MessageSend, MessageStored
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit, Reject
from tests.support.build import CUSTOMER, NOON, at

ROUTE = Route("waha", is_window_open=False)
SALE = {"name": "promo", "language": "pt_BR", "body": [{"text": "Ana"}, {"text": "10%"}]}
KNOWN = KnownTemplate("APPROVED", None, "Olá {{1}}, {{2}} hoje", "Responda SAIR")


def ask(request_id: str = "r1", **members: Any) -> MessageCompose:
    given = {
        "company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER, "request_id": request_id,
        "body": "Oi",
    }  # fmt: skip
    return MessageCompose.model_validate(given | members)


TICKETS = {
    rules.get_conversation_key(ask()): rules.Conversation(
        ticket_id=1000,
        whatsapp_id=10,
        contact_id=100,
        queue_id=None,
        ticket_traking_id=None,
        jid=f"{CUSTOMER}@s.whatsapp.net",
        is_of_chat=True,
    )
}


def plan(*asks: MessageCompose, route: Route = ROUTE, **members: Any) -> rules.Plan:
    """Plan requests of a chat with a ticket, on a line that has this route."""
    given: dict[str, Any] = {
        "lines": {LineKey(1, 10)},
        "conversations": TICKETS,
        "routes": {ChatKey(1, 10, CUSTOMER): route},
        "templates": {TemplateKey(1, 10, "promo", "pt_BR"): KNOWN},
        "now": NOON,
    }
    return rules.plan_messages(rules.Situation(**{**given, **members}), asks)


def list_reasons(found: rules.Plan) -> list[str]:
    facts = [item.fact for item in found.outcome if isinstance(item, Emit)]
    return [fact.reason for fact in facts if isinstance(fact, MessageRefused)]


def test_a_message_needs_a_text_or_media() -> None:
    for members in ({"body": ""}, {"body": " \n"}, {"media_url": "file:///etc/passwd"}):
        with pytest.raises(ValidationError):
            ask(**members)
    assert ask(body="", media_url="https://m.example/a").media_url


def test_the_key_of_a_request_is_its_conversation() -> None:
    assert ask().key == f"1:10:{CUSTOMER}"


def test_messages_without_a_timestamp_follow_each_other() -> None:
    rows = plan(ask("r1"), ask("r2")).rows
    assert [row.created_at for row in rows] == [NOON, NOON + timedelta(microseconds=1)]


def test_a_request_for_an_unknown_line_is_rejected() -> None:
    (reject,) = plan(ask(), lines=set()).outcome
    assert isinstance(reject, Reject)
    assert reject.reason == "unknown-line"


def test_a_new_row_is_published_and_sent() -> None:
    planned = plan(ask(expires_at=at(5)))
    (row,) = planned.rows
    outcome = rules.build_facts(planned, {MessageKey(1, 10, row.wid): 7})
    stored, send = [item.fact for item in outcome if isinstance(item, Emit)]
    assert isinstance(stored, MessageStored)
    assert isinstance(send, MessageSend)
    assert (stored.message_id, stored.request_id) == (7, "r1")
    assert (send.send_id, send.expires_at, send.message_id) == (row.wid, at(5), 7)


def test_a_file_is_sent_and_kept_with_its_name_and_mime_type() -> None:
    file = {"mediaUrl": "https://m.example/1", "fileName": "nf.pdf", "mimeType": "application/pdf"}
    planned = plan(ask(body="", **file))
    (row,) = planned.rows
    assert json.loads(row.data_json or "") == file
    outcome = rules.build_facts(planned, {MessageKey(1, 10, row.wid): 7})
    (send,) = [e.fact for e in outcome if isinstance(e, Emit) and isinstance(e.fact, MessageSend)]
    assert (send.file_name, send.mime_type) == ("nf.pdf", "application/pdf")


def test_outside_the_window_meta_gets_no_free_text() -> None:
    closed = Route("cloud-api", is_window_open=False)
    for members in (
        {},
        {"body": "", "media_url": "https://m.example/a.png"},
        {"buttons": [{"id": "1", "title": "Sim"}]},
    ):
        assert list_reasons(plan(ask(**members), route=closed)) == ["outside-window"]
    assert plan(ask(), route=Route("cloud-api", is_window_open=True)).rows
    assert plan(ask(body="", template=SALE), route=closed).rows
    assert plan(ask(is_private=True), route=closed).rows


@pytest.mark.parametrize(
    ("gateway", "members", "reasons"),
    [
        ("cloud-api", {"body": "x" * 4_097}, ["text-too-long"]),
        ("cloud-api", {"body": "x" * 4_096}, []),
        (
            "cloud-api",
            {"body": "x" * 1_025, "media_url": "https://m.example/a.png"},
            ["text-too-long"],
        ),
        ("waha", {"body": "x" * 4_097}, []),
        (
            "waha",
            {"media_url": "https://m.example/a.ogg", "media_type": "audio"},
            ["audio-with-text"],
        ),
        ("waha", {"body": "", "media_url": "https://m.example/a.ogg", "media_type": "audio"}, []),
    ],
)
def test_a_text_that_would_not_reach_the_customer_whole_is_refused(
    gateway: str, members: dict[str, Any], reasons: list[str]
) -> None:
    planned = plan(ask(**members), route=Route(gateway, is_window_open=True))
    assert (list_reasons(planned), len(planned.rows)) == (reasons, 0 if reasons else 1)


@pytest.mark.parametrize("gateway", ["waha", "evolution", "wppconnect", None])
def test_other_gateways_have_no_window(gateway: str | None) -> None:
    assert plan(ask(), route=Route(gateway, is_window_open=False)).rows


@pytest.mark.parametrize(
    ("gateway", "known", "parameters", "reason"),
    [
        ("cloud-api", None, ["Ana", "10%"], "unknown-template"),
        ("cloud-api", KnownTemplate("PAUSED", None, None, None), [], "template-not-approved"),
        ("cloud-api", KNOWN, ["Ana"], "template-parameters"),
        ("waha", None, ["Ana", "10%"], "unknown-template"),
        ("waha", KnownTemplate("APPROVED", None, None, None), [], "unknown-template"),
        (None, KNOWN, [], "template-parameters"),
    ],
)
def test_a_template_that_cannot_be_sent_is_refused_by_name(
    gateway: str | None, known: KnownTemplate | None, parameters: list[str], reason: str
) -> None:
    template = {**SALE, "body": [{"text": text} for text in parameters]}
    found = plan(
        ask(body="", template=template),
        route=Route(gateway, is_window_open=True),
        templates={TemplateKey(1, 10, "promo", "pt_BR"): known} if known else {},
    )
    assert list_reasons(found) == [reason]


def test_a_template_is_stored_with_the_text_that_the_customer_sees() -> None:
    planned = plan(ask(body="", template=SALE), route=Route("cloud-api", is_window_open=False))
    (row,) = planned.rows
    assert row.body == "Olá Ana, 10% hoje\n\nResponda SAIR"
    assert row.media_type == "template"
    outcome = rules.build_facts(planned, {MessageKey(1, 10, row.wid): 7})
    (send,) = [e.fact for e in outcome if isinstance(e, Emit) and isinstance(e.fact, MessageSend)]
    assert send.template
    assert (send.template.name, send.body) == ("promo", row.body)


def test_a_parameter_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    template = {**SALE, "body": [{"text": "{{2}}"}, {"text": "10%"}]}
    (row,) = plan(ask(body="", template=template)).rows
    assert row.body.startswith("Olá {{2}}, 10% hoje")


def test_parameters_may_have_names() -> None:
    known = KnownTemplate("APPROVED", "Pedido {{id}}", "Oi {{nome}}", None)
    template = {
        **SALE, "header": {"text": "77"}, "body": [{"name": "nome", "text": "Ana"}],
    }  # fmt: skip
    found = plan(
        ask(body="", template=template),
        templates={TemplateKey(1, 10, "promo", "pt_BR"): known},
    )
    assert [row.body for row in found.rows] == ["Pedido 77\n\nOi Ana"]


def build_rows(number: int) -> list[dict[str, str]]:
    return [{"id": f"{n}", "title": f"Linha {n}"} for n in range(number)]


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"buttons": [{"id": f"{n}", "title": f"{n}"} for n in range(4)]}, "at most 3 items"),
        ({"buttons": [{"id": "1", "title": "x" * 21}]}, "at most 20 characters"),
        ({"buttons": [{"id": "1", "title": "Sim"}, {"id": "1", "title": "Não"}]}, "same id"),
        ({"buttons": [{"id": "1", "title": "Sim"}, {"id": "2", "title": "Sim"}]}, "same title"),
        ({"buttons": [{"id": "1", "title": "Sim"}], "body": "x" * 1025}, "at most 1024"),
        ({"list": {"button": "Ver", "sections": [
            {"title": "A", "rows": build_rows(6)}, {"title": "B", "rows": build_rows(5)}]}},
         "at most 10 rows"),
        ({"list": {"button": "Ver", "sections": [
            {"title": "A", "rows": [{"id": "1", "title": "x" * 25}]}]}}, "at most 24 characters"),
        ({"list": {"button": "Ver", "sections": [
            {"title": "A", "rows": [{"id": "1", "title": "x", "description": "y" * 73}]}]}},
         "at most 72 characters"),
        ({"list": {"button": "Ver", "sections": [{"title": "A", "rows": build_rows(1) * 2}]}},
         "same id"),
        ({"list": {"button": "Ver", "sections": [{"title": "A", "rows": build_rows(1)}]},
          "body": "x" * 4097}, "at most 4096"),
        ({"buttons": [{"id": "1", "title": "Sim"}], "body": " "}, "needs a body"),
        ({"template": SALE}, "leave out the body"),
        ({"template": SALE, "body": "", "mediaUrl": "https://m.example/a"}, "one of mediaUrl"),
        ({"template": SALE, "body": "", "isPrivate": True}, "a private note"),
        ({"template": {**SALE, "body": [{"text": "a"}, {"text": "b", "name": "n"}]}, "body": ""},
         "have a name, or none"),
        ({"template": {**SALE, "header": {}}, "body": ""}, "either a text or a mediaUrl"),
        ({"list": {"button": "Ver", "sections": [
            {"title": "A", "rows": build_rows(1)}, {"rows": [{"id": "x", "title": "x"}]}]}},
         "list.sections.1.title"),
    ],
)  # fmt: skip
def test_what_whatsapp_does_not_allow_is_said_in_words(members: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        ask(**members)
