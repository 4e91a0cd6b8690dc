"""Votes in an update of a poll: Baileys' own, one by one, and Evolution's sum of them."""

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.gateways import baileys_upsert, baileys_votes
from shared.gateways.baileys_key import MessageKey
from shared.gateways.baileys_message import Content
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, items, mapping, text
from shared.gateways.redaction import LARGEST, redacted, within

Outcome = Event | Ignored | Unreadable

_LARGEST_POLL_KEY = 1024  # bytes


def votes(key: MessageKey, given: JsonObject, update: JsonObject, line: Line) -> Iterator[Outcome]:
    """Read `pollUpdates` of an update: votes as they come, or the sum of all that there are."""
    told = update.get("pollUpdates")
    if not told:
        return
    if baileys_votes.is_summary(told):
        yield from _votes_of_sum(key, update, line)
        return
    # An update that is its own key, such as Evolution's, holds all the votes beside each.
    poll = within(given, _LARGEST_POLL_KEY) or {"id": key.wid}
    for vote in items(told):
        yield _vote(key, poll, vote, line)


def _votes_of_sum(key: MessageKey, update: JsonObject, line: Line) -> Iterator[Outcome]:
    told = update.get("pollUpdates")
    if baileys_votes.is_too_large(told):
        yield Unreadable("pollUpdates has more options or votes than a poll can have")
        return
    by_voter = baileys_votes.by_voter(told)
    if not by_voter:
        yield Ignored("poll-vote-withdrawn")
    kept, beside = redacted(update), _beside_votes(update)
    for party, options in by_voter.values():
        author = party if key.is_group else None
        wid = baileys_votes.wid_of_sum(key.wid, party.canonical, options)
        voted = replace(key, wid=wid, from_me=False, author=author)
        content = Content("pollUpdateMessage", "\n".join(options), quoted_wid=key.wid)
        yield baileys_upsert.message_of(beside, voted, content, line, kept)


def _beside_votes(update: JsonObject) -> JsonObject:
    """Give what an update says of all its votes, as it is kept: it is read anew for each."""
    said = within(update, LARGEST)
    if said is not None:
        return said
    name = text(update, "pushName", "verifiedBizName")[:LONGEST_DETAIL]
    return {"messageTimestamp": update.get("messageTimestamp"), "pushName": name}


def _vote(key: MessageKey, asked: JsonObject, vote: JsonValue, line: Line) -> Outcome:
    if not isinstance(vote, dict):
        return Unreadable("pollUpdates is not of votes")
    poll: JsonObject = {"pollCreationMessageKey": asked, "vote": vote.get("vote")}
    voted = mapping(vote, "pollUpdateMessageKey")
    message: JsonObject = {
        "key": {"remoteJid": key.chat.jid, **voted},
        "message": {"pollUpdateMessage": poll},
        "messageTimestamp": vote.get("senderTimestampMs"),
    }
    return baileys_upsert.received(message, line)
