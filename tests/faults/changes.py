"""What happens to a round's messages after they were written, told in every way and order.

What must come of it is derived from the changes alone, with none of the product's rules.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from shared.contracts.message_change import (
    FAILED,
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.demo.cast import Group, Place, Stage
from shared.demo.crowd import Kind, Said
from shared.demo.facts import Facts, MessageFact, TicketFact
from shared.demo.records import Raw, Topics, own_record
from shared.demo.rubbish import NO_SUCH_LINE, NOWHERE
from tests.faults.retelling import retold

CHANGED_SHARE = 0.12  # of messages, to which something happens
OWN_SHARE = 0.3  # of changes, told by a gateway of our own
AGAIN_SHARE = 0.2  # of changes, told twice
COURSES = ((1, 2), (2, 3), (1, 2, 3), (3,), (FAILED,), (1, FAILED), (FAILED, 2), (3, FAILED))
EMOJIS = ("👍", "🙏", "😕", "")  # the last takes a reaction back
IN_WORDS = (Kind.TEXT, Kind.EXTENDED)

Key = tuple[object, ...]
About = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """How a message stands once all that was told of it is known."""

    ack: int
    body: str
    is_edited: bool
    is_deleted: bool
    read: bool
    reactions: tuple[str, ...]  # author=emoji


@dataclass(frozen=True, slots=True)
class Changes:
    """The records that tell changes, which event each raw one stands for, and what is left."""

    records: tuple[Raw, ...] = ()
    told_as: Mapping[bytes, str] = field(default_factory=dict)
    states: Mapping[Key, State] = field(default_factory=dict)


def write(
    random: Random, stage: Stage, topics: Topics, said: Sequence[Said], expected: Facts
) -> Changes:
    """Let something happen to some messages; the same random source gives the same."""
    kept = [one for one in said if one.line.allow_group or not one.is_group]
    happened: dict[Key, list[MessageChange]] = defaultdict(list)
    records: list[Raw] = []
    told_as: dict[bytes, str] = {}
    for one in random.sample(kept, max(1, round(len(kept) * CHANGED_SHARE))):
        for event in _changes(random, one, stage.places[one.line.instance]):
            happened[event.company_id, event.whatsapp_id, event.wid].append(event)
            for raw in _told(random, event, one, topics):
                records.append(raw)
                told_as[raw.value or b""] = event.type
    records.append(_of_no_line(next(iter(happened.values()))[0], topics))
    states = {fact.key: _state(fact, happened.get(fact.key, ())) for fact in expected.messages}
    return Changes(tuple(records), told_as, states)


def left_by(changes: Changes, expected: Facts) -> Facts:
    """Give what must be there, with the words and the unread counts that changes lead to."""
    messages = [replace(fact, body=changes.states[fact.key].body) for fact in expected.messages]
    of_ticket: dict[Key, list[MessageFact]] = defaultdict(list)
    for fact in messages:
        of_ticket[fact.company_id, fact.whatsapp_id, fact.contact].append(fact)
    tickets = [_shown(ticket, of_ticket[ticket.key], changes) for ticket in expected.tickets]
    return replace(expected, messages=messages, tickets=tickets)


def _shown(ticket: TicketFact, messages: Sequence[MessageFact], changes: Changes) -> TicketFact:
    newest = max(messages, key=lambda fact: (fact.at, fact.wid))
    marks = [fact.at for fact in messages if changes.states[fact.key].read]
    unread = [
        fact for fact in messages if not fact.from_me and not (marks and fact.at <= max(marks))
    ]
    last = newest.body or ticket.last_message
    return replace(ticket, unread=len(unread), last_message=last)


def _changes(random: Random, said: Said, place: Place) -> Iterator[MessageChange]:
    """Draw one or two things that can happen to a message like this."""
    about = {
        "company_id": place.company_id,
        "whatsapp_id": place.whatsapp_id,
        "chat": said.chat.chat,
        "wid": said.wid,
    }
    possible = [_reactions, _revoke, _acks if said.author is None else _read]
    possible += [_edits] if said.kind in IN_WORDS else []
    for draw in random.sample(possible, random.randint(1, 2)):
        yield from draw(random, said, about)


def _acks(random: Random, said: Said, about: About) -> Iterator[MessageChange]:
    for number, ack in enumerate(random.choice(COURSES), 1):
        code = "131026" if ack == FAILED else None
        at = said.at + timedelta(seconds=number)
        yield MessageAcked(**about, timestamp=at, ack=ack, error_code=code)


def _edits(random: Random, said: Said, about: About) -> Iterator[MessageChange]:
    for number in range(1, random.randint(1, 3) + 1):
        at = said.at + timedelta(seconds=20 * number)
        yield MessageEdited(**about, timestamp=at, body=f"{said.text} ({number}ª correção)")


def _revoke(_: Random, said: Said, about: About) -> Iterator[MessageChange]:
    for number in (1, 2):  # told twice, by whichever of its two shapes
        yield MessageDeleted(**about, timestamp=said.at + timedelta(minutes=number))


def _reactions(random: Random, said: Said, about: About) -> Iterator[MessageChange]:
    for number in range(1, random.randint(1, 3) + 1):
        from_me = random.random() < 0.5
        member = random.choice(said.chat.members) if isinstance(said.chat, Group) else None
        yield MessageReacted(
            **about,
            timestamp=said.at + timedelta(seconds=30 * number),
            emoji=random.choice(EMOJIS),
            from_me=from_me,
            participant=member.chat if member and not from_me else None,
        )


def _read(_: Random, said: Said, about: About) -> Iterator[MessageChange]:
    yield MessageRead(**about, timestamp=said.at + timedelta(minutes=5))


def _told(random: Random, event: MessageChange, said: Said, topics: Topics) -> Iterator[Raw]:
    for number in range(2 if random.random() < AGAIN_SHARE else 1):
        if random.random() < OWN_SHARE:
            nonce = f"{event.type}/{event.wid}/{event.timestamp}/{number}"
            yield own_record(topics, event, nonce, event.timestamp)
        else:
            yield retold(random, event, said, topics)


def _of_no_line(event: MessageChange, topics: Topics) -> Raw:
    astray = event.model_copy(update={"whatsapp_id": NOWHERE})
    record = own_record(topics, astray, f"rubbish/{event.wid}", event.timestamp)
    return replace(record, dead=NO_SUCH_LINE)


def _state(fact: MessageFact, happened: Sequence[MessageChange]) -> State:
    edits = [(e.timestamp, e.body) for e in happened if isinstance(e, MessageEdited)]
    return State(
        ack=ack_after(
            [event.ack for event in happened if isinstance(event, MessageAcked)],
            before=1 if fact.from_me else 2,
        ),
        body=max(edits)[1] if edits else fact.body,
        is_edited=bool(edits),
        is_deleted=any(isinstance(event, MessageDeleted) for event in happened),
        read=fact.from_me or any(isinstance(event, MessageRead) for event in happened),
        reactions=_emojis(event for event in happened if isinstance(event, MessageReacted)),
    )


def ack_after(acks: Sequence[int], before: int) -> int:
    """Say how far a message came: the furthest, but failed where it is not known to be there."""
    furthest = max((before, *acks))
    return FAILED if FAILED in acks and furthest < 2 else furthest


def _emojis(reactions: Iterable[MessageReacted]) -> tuple[str, ...]:
    newest: dict[str, tuple[datetime, str]] = {}
    for event in reactions:
        author = "" if event.from_me else event.participant or event.chat
        told = (event.timestamp, event.emoji)
        newest[author] = max(told, newest.get(author, told))
    return tuple(f"{author}={emoji}" for author, (_, emoji) in sorted(newest.items()))
