"""Rare contents: invitations, payments, sticker packs and answers to questions."""

from collections.abc import Callable

from pydantic import JsonValue

from shared.gateways.normalize.json_values import (
    JsonObject,
    join_lines,
    parse_time,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.normalize.outcome import Ignored, TypeAndBody
from shared.gateways.proto_message.interactive import format_price


def _read_group_invite(invite: JsonObject) -> TypeAndBody | None:
    return _build_body(
        "groupInviteMessage", read_text(invite, "groupName"), read_text(invite, "caption")
    )


def _read_newsletter_invite(invite: JsonObject) -> TypeAndBody | None:
    words = read_text(invite, "newsletterName"), read_text(invite, "caption")
    return _build_body("newsletterAdminInviteMessage", *words)


def _read_event_invite(invite: JsonObject) -> TypeAndBody | None:
    title, starts = read_text(invite, "eventTitle"), _format_minute(invite.get("startTime"))
    return _build_body("eventInviteMessage", title, starts, read_text(invite, "caption"))


def _read_scheduled_call(planned: JsonObject) -> TypeAndBody | None:
    at = _format_minute(planned.get("scheduledTimestampMs"))
    return _build_body("scheduledCallCreationMessage", read_text(planned, "title"), at)


def _read_sticker_pack(pack: JsonObject) -> TypeAndBody | None:
    words = (read_text(pack, name) for name in ("name", "publisher", "caption"))
    return _build_body("stickerPackMessage", *words)


def _read_payment(sent: JsonObject) -> TypeAndBody | Ignored:
    return _build_body("sendPaymentMessage", _read_note(sent)) or Ignored(
        "payment", "sendPaymentMessage"
    )


def _read_payment_request(request: JsonObject) -> TypeAndBody | Ignored:
    amount = format_price(request, "amount1000", "currencyCodeIso4217")
    visible = _build_body("requestPaymentMessage", _read_note(request), amount)
    return visible or Ignored("payment", "requestPaymentMessage")


def _read_invoice(invoice: JsonObject) -> TypeAndBody | Ignored:
    visible = _build_body("invoiceMessage", read_text(invoice, "note"))
    return visible or Ignored("payment", "invoiceMessage")


def _read_note(payment: JsonObject) -> str:
    note = read_object(payment, "noteMessage")
    return read_text(read_object(note, "extendedTextMessage"), "text") or read_text(
        note, "conversation"
    )


def _read_answer(answer: JsonObject) -> TypeAndBody | None:
    return _build_body("extendedTextMessage", read_text(answer, "text"))


def _read_assistant_response(response: JsonObject) -> TypeAndBody | None:
    parts = read_objects(response.get("submessages"))
    return _build_body("extendedTextMessage", *(read_text(part, "messageText") for part in parts))


def _build_body(media_type: str, *words: str) -> TypeAndBody | None:
    body = join_lines(*words)
    return (media_type, body) if body else None


def _format_minute(value: JsonValue) -> str:
    at = parse_time(value)
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""


RARE_READERS: dict[str, Callable[[JsonObject], TypeAndBody | Ignored | None]] = {
    "groupInviteMessage": _read_group_invite,
    "newsletterAdminInviteMessage": _read_newsletter_invite,
    "eventInviteMessage": _read_event_invite,
    "scheduledCallCreationMessage": _read_scheduled_call,
    "stickerPackMessage": _read_sticker_pack,
    "sendPaymentMessage": _read_payment,
    "requestPaymentMessage": _read_payment_request,
    "invoiceMessage": _read_invoice,
    "questionResponseMessage": _read_answer,
    "statusQuestionAnswerMessage": _read_answer,
    "statusQuotedMessage": _read_answer,
    "richResponseMessage": _read_assistant_response,  # an answer of an AI assistant, forwarded
}
