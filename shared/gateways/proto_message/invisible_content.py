"""Contents that a person does not see: the closed list of those that no person wrote, and stubs."""

import re
from collections.abc import Collection

from shared.gateways.normalize.json_values import JsonObject, clean_text
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, TypeAndBody
from shared.gateways.normalize.placeholders import (
    UNDECRYPTABLE,
    UNSUPPORTED,
    NotWritten,
)

KEYS = frozenset({"senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage"})
# Members without a content of their own.
_SIDE_MEMBERS = KEYS | {
    "messageContextInfo",
    "contextInfo",
    "mediaUrl",
    "base64",
    "mimetype",
    "speechToText",
    "conversation",
}

_KEYS = NotWritten("key-distribution", "keys of a group; the message comes beside or after them")
_HISTORY = NotWritten("history-notice", "old messages of a group for a new member")
_OF_STATUS = NotWritten("status-mention", "belongs to a status, which is in no chat")

# By member name, without the V2, V3, … that WhatsApp appends.
NOT_WRITTEN = {
    **dict.fromkeys(sorted(KEYS), _KEYS),
    "protocolMessage": NotWritten(
        "protocol-message", "settings, keys and synchronisation; edits and revokes are changes"
    ),
    "encReactionMessage": NotWritten(
        "encrypted-reaction", "a reaction has no row, and the emoji of this one is encrypted"
    ),
    "pollCreationOptionImageMessage": NotWritten(
        "poll-option-image", "a picture in a poll, which comes by itself"
    ),
    "pollAddOptionMessage": NotWritten("poll-option", "an option added to a poll"),
    "pinInChatMessage": NotWritten("pin", "marks a message for all members of the chat"),
    "keepInChatMessage": NotWritten("keep", "keeps a disappearing message"),
    "albumMessage": NotWritten("album", "the head of an album; its files come by themselves"),
    "stickerSyncRmrMessage": NotWritten("sticker-sync", "synchronises stickers between devices"),
    "eventCoverImage": NotWritten("event-cover", "the picture of an event, which comes by itself"),
    "limitSharingMessage": NotWritten("limit-sharing", "a setting of the chat"),
    "messageHistoryBundle": _HISTORY,
    "messageHistoryNotice": _HISTORY,
    "statusAddYours": _OF_STATUS,
    "statusNotificationMessage": _OF_STATUS,
    "groupStatusMessage": NotWritten("group-status", "a status of a group, not in its chat"),
    "call": NotWritten("call-notice", "a call that rings; a missed one is a message"),
    "callLogMesssage": NotWritten("call-notice", "a call that was taken or declined"),
}
# A poll's new options and texts are `secretEncryptedMessage` too; the numbers are the proto's.
ENCRYPTED_POLL_CHANGES = frozenset({"4", "POLL_EDIT", "5", "POLL_ADD_OPTION"})
POLL_OPTION = NotWritten("poll-option", "an encrypted new text or option of a poll")
_VERSION = re.compile(r"V[0-9]{1,3}\Z")

# Encrypted answers to another message, by the member with the other message's key.
ENCRYPTED = {
    "pollUpdateMessage": "pollCreationMessageKey",
    "encEventResponseMessage": "eventCreationMessageKey",
    "encCommentMessage": "targetMessageKey",
    "secretEncryptedMessage": "targetMessageKey",
}
_PLACEHOLDERS = {
    **dict.fromkeys(ENCRYPTED, UNDECRYPTABLE),
    "placeholderMessage": UNDECRYPTABLE,  # shown on the phone, withheld from linked devices
}

MISSED_CALLS = frozenset(
    {"40", "41", "45", "46"}
    | {f"CALL_MISSED_{kind}" for kind in ("VOICE", "VIDEO", "GROUP_VOICE", "GROUP_VIDEO")}
)
CIPHERTEXTS = frozenset({"2", "CIPHERTEXT"})
REVOKES = frozenset({"1", "REVOKE"})
NOT_WRITTEN_STUBS = {
    "REVOKE": NotWritten("revoke", "the author deleted the message before the gateway had it"),
    "any other": NotWritten("system-notice", "WhatsApp's notice of a change of the chat or group"),
}


def list_contents(message: JsonObject, wrappers: Collection[str]) -> list[str]:
    """Return the names of the members that are a content, known or not."""
    present = (name for name, value in message.items() if value is not None)
    return [name for name in present if name not in _SIDE_MEMBERS and name not in wrappers]


def find_not_written(contents: list[str]) -> Ignored | None:
    """Return why a message with these contents is ignored; None if a person wrote one of them."""
    if list_written(contents):
        return None
    return Ignored(NOT_WRITTEN[_VERSION.sub("", contents[0])].reason, join_names(contents[:1]))


def list_written(contents: Collection[str]) -> list[str]:
    """Return those of the contents that are not on the closed list."""
    return [name for name in contents if _VERSION.sub("", name) not in NOT_WRITTEN]


def choose_placeholder(contents: Collection[str]) -> TypeAndBody:
    """Return the placeholder of a message that a person wrote."""
    known = (_PLACEHOLDERS.get(_VERSION.sub("", name)) for name in contents)
    return next(filter(None, known), UNSUPPORTED)


def ignore_stub(kind: str) -> Ignored:
    """Return why a system notice (`messageStubType`) is ignored."""
    listed = NOT_WRITTEN_STUBS["REVOKE" if kind in REVOKES else "any other"]
    return Ignored(listed.reason, join_names([kind]))


def join_names(names: list[str]) -> str:
    """Return member names as a detail of bounded length."""
    return clean_text(" ".join(names))[:LONGEST_DETAIL]
