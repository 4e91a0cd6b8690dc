"""The chat and the author of a message; a user has a number, a BSUID, or both.

The chat is the address in the message itself (`from`, or `to` of our own messages), because that
is where answers are sent. The contact's `wa_id`, which may have another ninth digit, is used where
it is missing, and otherwise stored in `dataJson`. A BSUID beside a number is a member of the event.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from pydantic import JsonValue

from shared.gateways.cloud_api.webhook_contacts import (
    Contact,
    People,
    list_addresses,
    remove_extra_digit,
)
from shared.gateways.normalize.addresses import (
    AddressKind,
    Party,
    explain_address,
    join_addresses,
    parse_address,
)
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, Unreadable

SENDER = ("from", "from_user_id", "from_parent_user_id")
RECIPIENT = ("to", "to_user_id", "to_parent_user_id")

_NOT_CHATS = {
    AddressKind.STATUS: "status-broadcast",
    AddressKind.BROADCAST: "broadcast-list",
    AddressKind.NEWSLETTER: "newsletter",
    AddressKind.BOT: "bot-chat",
    AddressKind.OTHER: "unsupported-chat",
}
_NOT_DIGITS = re.compile(r"[^0-9]")
_LONGEST_NUMBER = 64  # characters, as people write it
_ACCOUNT = re.compile(r"[!-~]{1,64}")
_GROUP_ID = re.compile(r"[!-~]{1,255}")


class EventFields(TypedDict):
    """The members that all events of a chat share."""

    company_id: int
    whatsapp_id: int
    chat: str
    timestamp: datetime
    timestamp_estimated: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a webhook, and its line.

    `account` is the id of the WhatsApp Business Account that the webhook is about.
    """

    line: Line
    value: JsonObject
    field: str = ""
    sent_at: JsonValue = None
    account: JsonValue = None
    people: People = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", People(list_parts(self.value, "contacts")))

    @property
    def number(self) -> str:
        """The business' own telephone number in digits, '' if it is missing."""
        number = read_object(self.value, "metadata").get("display_phone_number")
        if not isinstance(number, str) or len(number) > _LONGEST_NUMBER:
            return ""
        return _NOT_DIGITS.sub("", number)

    @property
    def portfolio(self) -> str | None:
        """Where the BSUIDs of the change are valid: within its account, None if it is missing."""
        is_id = isinstance(self.account, str) and _ACCOUNT.fullmatch(self.account)
        return str(self.account) if is_id else None

    def build_fields(self, chat: Party, part: JsonObject) -> EventFields:
        """Return the shared members of an event: its chat, and its own time or the webhook's."""
        time = self.line.read_time(part.get("timestamp"), self.sent_at)
        return EventFields(
            company_id=self.line.company_id,
            whatsapp_id=self.line.whatsapp_id,
            chat=chat.canonical,
            timestamp=time.at,
            timestamp_estimated=time.is_estimated,
        )


@dataclass(frozen=True, slots=True)
class Chat:
    """The chat of a message; `author` is another person in a group."""

    party: Party
    contact: Contact
    from_me: bool = False
    is_group: bool = False
    author: Party | None = None

    @property
    def name(self) -> str | None:
        """The name of the contact, never our own name."""
        return None if self.from_me else self.contact.name

    def add_contact(self, message: JsonObject) -> JsonObject:
        """Return the message with its redacted contact."""
        contact = self.contact.redacted
        return message if contact is None else {**message, "contact": contact}


def list_parts(holder: JsonObject, name: str) -> list[JsonValue]:
    """Return the elements of an array; some bridges leave it out around a single one."""
    value = holder.get(name)
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def is_ours(change: Change, message: JsonObject) -> bool:
    """Return whether the business wrote a message: bridges post those with the received ones."""
    sender = parse_address(read_text(message, "from"))
    if sender is None or not change.number:
        return False
    return remove_extra_digit(sender.canonical) == remove_extra_digit(change.number)


def find_chat(change: Change, message: JsonObject, *, from_me: bool) -> Chat | Ignored | Unreadable:
    """Return the chat of a message that we received or sent, or why there is none."""
    members = RECIPIENT if from_me else SENDER
    aliases = list(list_addresses(message, members))
    contact = change.people.find(aliases)
    party = join_addresses([*aliases, *contact.ids])
    group = parse_group(read_text(message, "group_id"), *aliases)
    if group is not None:
        author = None if from_me else party
        return Chat(group, contact, from_me, is_group=True, author=author)
    if party is None:
        return _explain_missing_chat(message, members)
    return Chat(party, contact, from_me)


def parse_group(group_id: str, *aliases: str) -> Party | None:
    """Return a group: Meta's ids are opaque text, those of bridges are JIDs."""
    for address in map(parse_address, (group_id, *aliases)):
        if address is not None and address.kind is AddressKind.GROUP:
            return Party(address.canonical, None, address.jid)
    return Party(group_id, None, group_id) if _GROUP_ID.fullmatch(group_id) else None


def find_party(change: Change, holder: JsonObject, members: Iterable[str]) -> Party | None:
    """Return the party of the named addresses, joined with those of its contact."""
    aliases = list(list_addresses(holder, members))
    return join_addresses([*aliases, *change.people.find(aliases).ids])


def _explain_missing_chat(message: JsonObject, members: Sequence[str]) -> Ignored | Unreadable:
    for address in map(parse_address, list_addresses(message, members)):
        if address is not None and address.kind in _NOT_CHATS:
            return Ignored(_NOT_CHATS[address.kind], address.jid[:LONGEST_DETAIL])
    given = [name for name in members if read_text(message, name).strip()]
    reasons = [explain_address(name, read_text(message, name)) for name in given]
    return Unreadable(", ".join(reasons) or f"the message has no address: {members[0]} is missing")
