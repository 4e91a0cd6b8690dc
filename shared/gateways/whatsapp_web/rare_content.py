"""Rare contents in the form of WhatsApp Web: invitations, payments, sticker packs and comments."""

from collections.abc import Callable

from shared.gateways.normalize.bodies import build_body, format_minute, format_price
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.normalize.outcome import TypeAndBody
from shared.gateways.normalize.placeholders import UNDECRYPTABLE
from shared.gateways.whatsapp_web.texts import read_words

_WORDS = ("caption", "comment", "inviteMessage", "body", "content")


def _read_group_invite(message: JsonObject) -> TypeAndBody | None:
    group = read_words(read_object(message, "inviteV4"), "groupName")
    name = group or read_words(message, "inviteGrpName", "groupName")
    return build_body("groupInviteMessage", name, read_words(message, *_WORDS))


def _read_newsletter_invite(message: JsonObject) -> TypeAndBody | None:
    words = read_words(message, "newsletterName"), read_words(message, *_WORDS)
    return build_body("newsletterAdminInviteMessage", *words)


def _read_channel_invite(message: JsonObject) -> TypeAndBody | None:
    words = read_words(message, "newsletterName"), read_words(message, *_WORDS)
    return build_body("newsletterFollowerInviteMessageV2", *words)


def _read_event_invite(message: JsonObject) -> TypeAndBody | None:
    return build_body(
        "eventInviteMessage",
        read_words(message, "eventTitle", "eventName"),
        format_minute(message.get("eventStartTime") or message.get("startTime")),
        read_words(message, *_WORDS),
    )


def _read_scheduled_call(message: JsonObject) -> TypeAndBody | None:
    at = format_minute(message.get("scheduledTimestampMs"))
    return build_body("scheduledCallCreationMessage", read_words(message, "title", "body"), at)


def _read_sticker_pack(message: JsonObject) -> TypeAndBody | None:
    return build_body(
        "stickerPackMessage",
        read_words(message, "stickerPackName", "packName", "name", "title"),
        read_words(message, "stickerPackPublisher", "publisher"),
        read_words(message, "caption", "body"),
    )


def _read_payment(message: JsonObject) -> TypeAndBody | None:
    """Return the note of a payment; of a request, the amount too."""
    note = read_words(read_object(message, "paymentNoteMsg"), "body", "caption")
    note = note or read_words(message, "paymentNote", "body")
    if "request" not in read_text(message, "subtype", "paymentStatus").lower():
        return build_body("sendPaymentMessage", note)
    amount = format_price(message, "paymentAmount1000", "paymentCurrency")
    return build_body("requestPaymentMessage", note, amount)


def _read_comment(message: JsonObject) -> TypeAndBody:
    """Return the words of a comment, which WhatsApp Web has only when it could decrypt them."""
    body = read_words(message, "body", "content", "caption")
    return ("conversation", body) if body else UNDECRYPTABLE


def _read_undecryptable(_: JsonObject) -> TypeAndBody:
    return UNDECRYPTABLE


RARE_READERS: dict[str, Callable[[JsonObject], TypeAndBody | None]] = {
    "groups_v4_invite": _read_group_invite,
    "newsletter_admin_invite": _read_newsletter_invite,
    "newsletter_follower_invite": _read_channel_invite,
    "sharable_event_invite": _read_event_invite,
    "scheduled_call": _read_scheduled_call,
    "sticker_pack": _read_sticker_pack,
    "sticker-pack": _read_sticker_pack,
    "payment": _read_payment,
    "comment": _read_comment,
    "ciphertext": _read_undecryptable,
    "message_edit_encrypted": _read_undecryptable,
    "event_edit_encrypted": _read_undecryptable,
    "event_response": _read_undecryptable,
}
