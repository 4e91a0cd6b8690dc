"""Replies to events (going or not) that a gateway has decrypted."""

from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject, parse_count, read_enum
from shared.gateways.normalize.outcome import TypeAndBody
from shared.gateways.normalize.placeholders import UNDECRYPTABLE

_REPLIES = {"1": "Going", "2": "Not going", "3": "Maybe"}
_REPLIES |= {"GOING": "Going", "NOT_GOING": "Not going", "MAYBE": "Maybe"}


def read_event_reply(reply: JsonValue) -> TypeAndBody:
    """Return the media type and body of `{response, extraGuestCount}`.

    A reply that was not decrypted is a placeholder.
    """
    members: JsonObject = reply if isinstance(reply, dict) else {}
    answer = _REPLIES.get(read_enum(members.get("response")).upper())
    if answer is None:
        return UNDECRYPTABLE
    guests = parse_count(members.get("extraGuestCount"))
    return "eventResponseMessage", f"{answer} (+{guests})" if guests else answer
