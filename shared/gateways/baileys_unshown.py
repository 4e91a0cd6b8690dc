"""Messages of the proto form that show nothing to a person, each with the reason's name."""

from collections.abc import Collection

from shared.gateways.outcome import LONGEST_DETAIL, Ignored
from shared.gateways.reading import JsonObject, cleaned

# What carries no content of its own: beside a content it is passed over, alone it is nothing.
_SIDE_MEMBERS = frozenset(
    {
        "messageContextInfo",
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "contextInfo",
        "mediaUrl",
        "base64",
        "mimetype",
        "speechToText",
        "conversation",
    }
)

# Matched by prefix, because WhatsApp adds V2, V3, … (field notes 3.1); the longer name is first
# where one begins with the other.
_REASONS = {
    "reactionMessage": "empty-message",
    "encReactionMessage": "encrypted-reaction",
    "pollCreationOptionImageMessage": "poll-option-image",
    "pollUpdateMessage": "encrypted-poll-vote",
    "pollResultSnapshotMessage": "poll-result",
    "pollAddOptionMessage": "poll-option",
    "pinInChatMessage": "pin",
    "keepInChatMessage": "keep",
    "albumMessage": "album",
    "stickerSyncRmrMessage": "sticker-sync",
    "encEventResponseMessage": "event-reply",
    "eventCoverImage": "event-cover",
    "encCommentMessage": "encrypted-comment",
    "paymentInviteMessage": "payment",
    "paymentReminderMessage": "payment",
    "splitPayment": "payment",
    "declinePaymentRequestMessage": "payment",
    "cancelPaymentRequestMessage": "payment",
    "requestPhoneNumberMessage": "phone-number-request",
    "groupStatusMentionMessage": "status-mention",
    "statusMentionMessage": "status-mention",
    "statusAddYours": "status-mention",
    "statusNotificationMessage": "status-mention",
    "groupStatusMessage": "group-status",
    "limitSharingMessage": "limit-sharing",
    "newsletterAdmin": "newsletter-invite",
    "newsletterFollowerInviteMessage": "newsletter-invite",
    "scheduledCall": "call-notice",
    "callLogMesssage": "call-notice",  # the proto's own spelling
    "bcallMessage": "call-notice",
    "call": "call-notice",
    "messageHistory": "history-notice",
    "secretEncryptedMessage": "secret-encrypted",
    "placeholderMessage": "undecryptable",
    "unsupportedMessage": "unsupported",
}
_PREFIXES = tuple(_REASONS)

MISSED_CALLS = frozenset(
    {"40", "41", "45", "46"}
    | {f"CALL_MISSED_{kind}" for kind in ("VOICE", "VIDEO", "GROUP_VOICE", "GROUP_VIDEO")}
)
_STUBS = {
    "1": "revoke",
    "REVOKE": "revoke",
    "2": "undecryptable",
    "CIPHERTEXT": "undecryptable",
}


def reason(message: JsonObject, wrappers: Collection[str]) -> Ignored:
    """Say why a message without a readable content is none for a conversation."""
    present = (name for name, value in message.items() if value is not None)
    contents = [name for name in present if name not in _SIDE_MEMBERS and name not in wrappers]
    known = next((name for name in contents if name.startswith(_PREFIXES)), None)
    if known is not None:
        why = next(why for prefix, why in _REASONS.items() if known.startswith(prefix))
        return Ignored(why, named([known]))
    if contents:
        return Ignored("unknown-message-type", named(contents))
    return Ignored("empty-message", named(list(message)))


def stub(kind: str) -> Ignored:
    """Say what WhatsApp's own notice in a chat is; '' where there is none."""
    if not kind:
        return Ignored("empty-message", "no message")
    return Ignored(_STUBS.get(kind, "system-notice"), named([kind]))


def named(names: list[str]) -> str:
    """Write names of members as a detail that cannot grow into a conversation."""
    return cleaned(" ".join(names))[:LONGEST_DETAIL]
