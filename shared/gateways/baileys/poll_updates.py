"""Votes in updates of a poll: Baileys' single votes, and Evolution's totals."""

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject, as_list, read_object, read_text
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, PartOutcome, Unreadable
from shared.gateways.normalize.redaction import LARGEST, redact_message, redact_within
from shared.gateways.proto_message.content import VOTE_WITHDRAWN, Content
from shared.gateways.proto_message.key import MessageKey
from shared.gateways.proto_message.poll_votes import (
    build_vote_wid,
    group_by_voter,
    is_summary,
    is_too_large,
)
from shared.gateways.proto_message.received_message import build_message_received, translate_message

_LARGEST_POLL_KEY = 1024  # bytes


def translate_poll_updates(
    key: MessageKey, raw_key: JsonObject, update: JsonObject, line: Line
) -> Iterator[PartOutcome]:
    """Translate `pollUpdates` of an update: single votes, or the totals of all votes."""
    poll_updates = update.get("pollUpdates")
    if not poll_updates:
        return
    if is_summary(poll_updates):
        yield from _translate_summary(key, update, line)
        return
    # In flat updates (Evolution), the key object contains all the votes.
    poll = redact_within(raw_key, _LARGEST_POLL_KEY) or {"id": key.wid}
    for vote in as_list(poll_updates):
        yield _translate_vote(key, poll, vote, line)


def _translate_summary(key: MessageKey, update: JsonObject, line: Line) -> Iterator[PartOutcome]:
    poll_updates = update.get("pollUpdates")
    if is_too_large(poll_updates):
        yield Unreadable("pollUpdates has more options or votes than a poll can have")
        return
    by_voter = group_by_voter(poll_updates)
    if not by_voter:
        yield Ignored(VOTE_WITHDRAWN.reason)
    data_json, shared = redact_message(update), _redact_shared_members(update)
    for party, options in by_voter.values():
        author = party if key.is_group else None
        wid = build_vote_wid(key.wid, party.canonical, options)
        voted = replace(key, wid=wid, from_me=False, author=author)
        content = Content("pollUpdateMessage", "\n".join(options), quoted_wid=key.wid)
        yield build_message_received(shared, voted, content, line, data_json)


def _redact_shared_members(update: JsonObject) -> JsonObject:
    """Return the members that all votes share; their size is limited, as each vote has a copy."""
    redacted = redact_within(update, LARGEST)
    if redacted is not None:
        return redacted
    name = read_text(update, "pushName", "verifiedBizName")[:LONGEST_DETAIL]
    return {"messageTimestamp": update.get("messageTimestamp"), "pushName": name}


def _translate_vote(
    key: MessageKey, poll_key: JsonObject, vote: JsonValue, line: Line
) -> PartOutcome:
    if not isinstance(vote, dict):
        return Unreadable("pollUpdates is not of votes")
    poll: JsonObject = {"pollCreationMessageKey": poll_key, "vote": vote.get("vote")}
    voted = read_object(vote, "pollUpdateMessageKey")
    message: JsonObject = {
        "key": {"remoteJid": key.chat.jid, **voted},
        "message": {"pollUpdateMessage": poll},
        "messageTimestamp": vote.get("senderTimestampMs"),
    }
    return translate_message(message, line)
