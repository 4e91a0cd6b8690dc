"""Contents that WhatsApp does not show, each with the reason why it is ignored."""

from collections.abc import Collection

from shared.gateways.normalize.json_values import JsonObject, clean_text
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored

# Members without a content of their own.
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

# Matched by prefix, because WhatsApp adds V2, V3, …; where one name begins with another, the longer
# one is first.
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
    "callLogMesssage": "call-notice",  # spelt so in the proto
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


def ignore_invisible(message: JsonObject, wrappers: Collection[str]) -> Ignored:
    """Return why a message without a visible content is ignored."""
    present = (name for name, value in message.items() if value is not None)
    contents = [name for name in present if name not in _SIDE_MEMBERS and name not in wrappers]
    known_name = next((name for name in contents if name.startswith(_PREFIXES)), None)
    if known_name is not None:
        reason = next(
            reason for prefix, reason in _REASONS.items() if known_name.startswith(prefix)
        )
        return Ignored(reason, join_names([known_name]))
    if contents:
        return Ignored("unknown-message-type", join_names(contents))
    return Ignored("empty-message", join_names(list(message)))


def ignore_stub(kind: str) -> Ignored:
    """Return why a system notice (`messageStubType`) is ignored; '' means that it is not one."""
    if not kind:
        return Ignored("empty-message", "no message")
    return Ignored(_STUBS.get(kind, "system-notice"), join_names([kind]))


def join_names(names: list[str]) -> str:
    """Return member names as a detail of bounded length."""
    return clean_text(" ".join(names))[:LONGEST_DETAIL]
