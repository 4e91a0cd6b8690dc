"""Rare contents: invitations, payments, sticker packs and answers to questions."""

from collections.abc import Callable

from shared.gateways.normalize.bodies import build_body, format_minute, format_price
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_count,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.normalize.outcome import TypeAndBody


def _read_group_invite(invite: JsonObject) -> TypeAndBody | None:
    return build_body(
        "groupInviteMessage", read_text(invite, "groupName"), read_text(invite, "caption")
    )


def _read_newsletter_invite(invite: JsonObject) -> TypeAndBody | None:
    words = read_text(invite, "newsletterName"), read_text(invite, "caption")
    return build_body("newsletterAdminInviteMessage", *words)


def _read_channel_invite(invite: JsonObject) -> TypeAndBody | None:
    words = read_text(invite, "newsletterName"), read_text(invite, "caption")
    return build_body("newsletterFollowerInviteMessageV2", *words)


def _read_poll_result(result: JsonObject) -> TypeAndBody | None:
    votes = (_format_votes(option) for option in read_objects(result.get("pollVotes")))
    return build_body("pollResultSnapshotMessage", read_text(result, "name"), *votes)


def _format_votes(option: JsonObject) -> str:
    name, votes = read_text(option, "optionName").strip(), option.get("optionVoteCount")
    return f"{name}: {parse_count(votes) or 0}" if name else ""


def _read_event_invite(invite: JsonObject) -> TypeAndBody | None:
    title, starts = read_text(invite, "eventTitle"), format_minute(invite.get("startTime"))
    return build_body("eventInviteMessage", title, starts, read_text(invite, "caption"))


def _read_scheduled_call(planned: JsonObject) -> TypeAndBody | None:
    at = format_minute(planned.get("scheduledTimestampMs"))
    return build_body("scheduledCallCreationMessage", read_text(planned, "title"), at)


def _read_sticker_pack(pack: JsonObject) -> TypeAndBody | None:
    words = (read_text(pack, name) for name in ("name", "publisher", "caption"))
    return build_body("stickerPackMessage", *words)


def _read_payment(sent: JsonObject) -> TypeAndBody | None:
    return build_body("sendPaymentMessage", _read_note(sent))


def _read_payment_request(request: JsonObject) -> TypeAndBody | None:
    amount = format_price(request, "amount1000", "currencyCodeIso4217")
    return build_body("requestPaymentMessage", _read_note(request), amount)


def _read_invoice(invoice: JsonObject) -> TypeAndBody | None:
    return build_body("invoiceMessage", read_text(invoice, "note"))


def _read_note(payment: JsonObject) -> str:
    note = read_object(payment, "noteMessage")
    return read_text(read_object(note, "extendedTextMessage"), "text") or read_text(
        note, "conversation"
    )


def _read_answer(answer: JsonObject) -> TypeAndBody | None:
    return build_body("extendedTextMessage", read_text(answer, "text"))


def _read_assistant_response(response: JsonObject) -> TypeAndBody | None:
    parts = read_objects(response.get("submessages"))
    return build_body("extendedTextMessage", *(read_text(part, "messageText") for part in parts))


RARE_READERS: dict[str, Callable[[JsonObject], TypeAndBody | None]] = {
    "groupInviteMessage": _read_group_invite,
    "newsletterAdminInviteMessage": _read_newsletter_invite,
    "newsletterFollowerInviteMessage": _read_channel_invite,
    "newsletterFollowerInviteMessageV2": _read_channel_invite,
    "pollResultSnapshotMessage": _read_poll_result,
    "pollResultSnapshotMessageV3": _read_poll_result,
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
