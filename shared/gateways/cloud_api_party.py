"""Who wrote to whom in a Cloud API webhook, where a user may have a number, a BSUID or both.

The chat is the address in the message itself (`from`, or `to` of our own): it is what one sends
to. The contact's `wa_id`, which may have another ninth digit, and the BSUID beside a number stand
in for it where it is missing, and are else kept in the message's `dataJson`.
"""

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from pydantic import JsonValue

from shared.gateways.cloud_api_contacts import NOBODY, Contact, People, folded, names
from shared.gateways.identity import Kind, Party, address, person
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, flag, mapping, text

SENDER = ("from", "from_user_id", "from_parent_user_id")
RECIPIENT = ("to", "to_user_id", "to_parent_user_id")

_NOT_CHATS = {
    Kind.STATUS: "status-broadcast",
    Kind.BROADCAST: "broadcast-list",
    Kind.NEWSLETTER: "newsletter",
    Kind.BOT: "bot-chat",
    Kind.OTHER: "unsupported-chat",
}
_NOT_DIGITS = re.compile(r"[^0-9]")
_LONGEST_NUMBER = 64  # characters, as people write it
_GROUP_ID = re.compile(r"[!-~]{1,255}")


class About(TypedDict):
    """What every event of a chat begins with."""

    company_id: int
    whatsapp_id: int
    chat: str
    timestamp: datetime
    timestamp_estimated: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a webhook, and the line it is about; in `history` nothing is news."""

    line: Line
    value: JsonObject
    field: str = ""
    sent_at: JsonValue = None
    in_history: bool = False
    people: People = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", People(parts(self.value, "contacts")))

    @property
    def number(self) -> str:
        """The business' own telephone number in digits, '' where it is not told."""
        number = mapping(self.value, "metadata").get("display_phone_number")
        if not isinstance(number, str) or len(number) > _LONGEST_NUMBER:
            return ""
        return _NOT_DIGITS.sub("", number)

    def about(self, chat: Party, told: JsonObject) -> About:
        """Say which chat, and when: at the part's own time, else at that of the webhook."""
        time = self.line.time(told.get("timestamp"), self.sent_at)
        return About(
            company_id=self.line.company_id,
            whatsapp_id=self.line.whatsapp_id,
            chat=chat.canonical,
            timestamp=time.at,
            timestamp_estimated=time.is_estimated,
        )


@dataclass(frozen=True, slots=True)
class Chat:
    """The chat of a message; `author` is somebody else in a group."""

    party: Party
    contact: Contact
    from_me: bool = False
    is_group: bool = False
    author: Party | None = None

    @property
    def name(self) -> str | None:
        """What the contact calls themselves; never our own name."""
        return None if self.from_me else self.contact.name

    def keeping(self, message: JsonObject) -> JsonObject:
        """Put what is kept of the contact beside the message."""
        kept = self.contact.kept
        return message if kept is None else {**message, "contact": kept}


def parts(holder: JsonObject, name: str) -> list[JsonValue]:
    """Give the members of an array, which some bridges leave out around a single one."""
    value = holder.get(name)
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def is_ours(change: Change, message: JsonObject) -> bool:
    """Tell whether the business wrote a message, as some of a history and of bridges are."""
    if flag(mapping(message, "history_context"), "from_me"):
        return True
    sender = address(text(message, "from"))
    if sender is None:
        return False
    if change.number and folded(sender.canonical) == folded(change.number):
        return True
    is_nobody = change.people.of([sender.canonical]) is NOBODY
    return change.in_history and change.people.has_number and is_nobody


def chat_of(change: Change, message: JsonObject, *, from_me: bool) -> Chat | Ignored | Unreadable:
    """Find the chat of a message that came in, or of one of our own."""
    aliases = list(names(message, RECIPIENT if from_me else SENDER))
    contact = change.people.of(aliases)
    party = person([*aliases, *contact.ids])
    group = group_of(text(message, "group_id"), *aliases)
    if group is not None:
        author = None if from_me else party
        return Chat(group, contact, from_me, is_group=True, author=author)
    if party is None:
        return _no_chat(aliases)
    return Chat(party, contact, from_me)


def group_of(group_id: str, *aliases: str) -> Party | None:
    """Recognise a group: Meta's ids are opaque text, bridges' are WhatsApp's own addresses."""
    for found in map(address, (group_id, *aliases)):
        if found is not None and found.kind is Kind.GROUP:
            return Party(found.canonical, None, found.jid)
    return Party(group_id, None, group_id) if _GROUP_ID.fullmatch(group_id) else None


def person_in(change: Change, holder: JsonObject, members: Iterable[str]) -> Party | None:
    """Join the named addresses with the ones of the contact that they are of."""
    aliases = list(names(holder, members))
    return person([*aliases, *change.people.of(aliases).ids])


def _no_chat(aliases: list[str]) -> Ignored | Unreadable:
    for found in map(address, aliases):
        if found is not None and found.kind in _NOT_CHATS:
            return Ignored(_NOT_CHATS[found.kind], found.jid[:LONGEST_DETAIL])
    return Unreadable("the message has no address")
