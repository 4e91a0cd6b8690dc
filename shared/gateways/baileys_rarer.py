"""Contents that are seen more rarely: invitations, payments, sticker packs, answers."""

from collections.abc import Callable

from pydantic import JsonValue

from shared.gateways.baileys_interactive import Shown, price
from shared.gateways.outcome import Ignored
from shared.gateways.reading import JsonObject, joined, mapping, moment, objects, text


def _group_invite(invite: JsonObject) -> Shown | None:
    return _shown("groupInviteMessage", text(invite, "groupName"), text(invite, "caption"))


def _newsletter_invite(invite: JsonObject) -> Shown | None:
    words = text(invite, "newsletterName"), text(invite, "caption")
    return _shown("newsletterAdminInviteMessage", *words)


def _event_invite(invite: JsonObject) -> Shown | None:
    title, starts = text(invite, "eventTitle"), _minute(invite.get("startTime"))
    return _shown("eventInviteMessage", title, starts, text(invite, "caption"))


def _call(planned: JsonObject) -> Shown | None:
    at = _minute(planned.get("scheduledTimestampMs"))
    return _shown("scheduledCallCreationMessage", text(planned, "title"), at)


def _sticker_pack(pack: JsonObject) -> Shown | None:
    words = (text(pack, name) for name in ("name", "publisher", "caption"))
    return _shown("stickerPackMessage", *words)


def _payment(sent: JsonObject) -> Shown | Ignored:
    return _shown("sendPaymentMessage", _note(sent)) or Ignored("payment", "sendPaymentMessage")


def _payment_request(asked: JsonObject) -> Shown | Ignored:
    amount = price(asked, "amount1000", "currencyCodeIso4217")
    shown = _shown("requestPaymentMessage", _note(asked), amount)
    return shown or Ignored("payment", "requestPaymentMessage")


def _invoice(invoice: JsonObject) -> Shown | Ignored:
    shown = _shown("invoiceMessage", text(invoice, "note"))
    return shown or Ignored("payment", "invoiceMessage")


def _note(payment: JsonObject) -> str:
    note = mapping(payment, "noteMessage")
    return text(mapping(note, "extendedTextMessage"), "text") or text(note, "conversation")


def _answer(answer: JsonObject) -> Shown | None:
    return _shown("extendedTextMessage", text(answer, "text"))


def _assistant(response: JsonObject) -> Shown | None:
    parts = objects(response.get("submessages"))
    return _shown("extendedTextMessage", *(text(part, "messageText") for part in parts))


def _shown(media_type: str, *words: str) -> Shown | None:
    body = joined(*words)
    return (media_type, body) if body else None


def _minute(value: JsonValue) -> str:
    at = moment(value)
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""


READERS: dict[str, Callable[[JsonObject], Shown | Ignored | None]] = {
    "groupInviteMessage": _group_invite,
    "newsletterAdminInviteMessage": _newsletter_invite,
    "eventInviteMessage": _event_invite,
    "scheduledCallCreationMessage": _call,
    "stickerPackMessage": _sticker_pack,
    "sendPaymentMessage": _payment,
    "requestPaymentMessage": _payment_request,
    "invoiceMessage": _invoice,
    "questionResponseMessage": _answer,
    "statusQuestionAnswerMessage": _answer,
    "statusQuotedMessage": _answer,
    "richResponseMessage": _assistant,  # an assistant's, passed on
}
