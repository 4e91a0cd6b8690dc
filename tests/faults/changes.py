"""Changes of a round's messages, published in every form and order.

The expected state is derived from the changes alone, without the product's rules.
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
from shared.dev.demo.companies import DemoRows, Group, LineIds
from shared.dev.demo.comparison import ComparedMessage, ComparedTicket, Snapshot
from shared.dev.demo.conversations import Kind, SampleMessage
from shared.dev.demo.invalid_records import NO_SUCH_LINE, NOWHERE
from shared.dev.demo.records import SampleRecord, Topics, build_own_record
from tests.faults.evolution_changes import build_raw_change

CHANGED_SHARE = 0.12  # of messages, which are changed
OWN_SHARE = 0.3  # of changes, published as our own event
REPEATED_SHARE = 0.2  # of changes, published twice
COURSES = ((1, 2), (2, 3), (1, 2, 3), (3,), (FAILED,), (1, FAILED), (FAILED, 2), (3, FAILED))
EMOJIS = ("👍", "🙏", "😕", "")  # the last removes a reaction
IN_WORDS = (Kind.TEXT, Kind.EXTENDED)

Key = tuple[object, ...]
About = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """The state of a message after all its changes."""

    ack: int
    body: str
    is_edited: bool
    is_deleted: bool
    read: bool
    reactions: tuple[str, ...]  # author=emoji


@dataclass(frozen=True, slots=True)
class Changes:
    """The records of the changes, the event type of each raw one, and the expected states."""

    records: tuple[SampleRecord, ...] = ()
    event_types: Mapping[bytes, str] = field(default_factory=dict)
    states: Mapping[Key, State] = field(default_factory=dict)


def write(
    random: Random,
    stage: DemoRows,
    topics: Topics,
    said: Sequence[SampleMessage],
    expected: Snapshot,
) -> Changes:
    """Build changes of some messages; the same random source gives the same."""
    kept = [one for one in said if one.line.allow_group or not one.is_group]
    changes_made: dict[Key, list[MessageChange]] = defaultdict(list)
    records: list[SampleRecord] = []
    event_types: dict[bytes, str] = {}
    for one in random.sample(kept, max(1, round(len(kept) * CHANGED_SHARE))):
        for event in _draw_changes(random, one, stage.lines[one.line.instance]):
            changes_made[event.company_id, event.whatsapp_id, event.wid].append(event)
            for raw in _build_records(random, event, one, topics):
                records.append(raw)
                event_types[raw.value or b""] = event.type
    records.append(_build_unknown_line(next(iter(changes_made.values()))[0], topics))
    states = {
        fact.key: _compute_state(fact, changes_made.get(fact.key, ())) for fact in expected.messages
    }
    return Changes(tuple(records), event_types, states)


def compute_expected(changes: Changes, expected: Snapshot) -> Snapshot:
    """Return the expected rows with the bodies and unread counts after the changes."""
    messages = [replace(fact, body=changes.states[fact.key].body) for fact in expected.messages]
    of_ticket: dict[Key, list[ComparedMessage]] = defaultdict(list)
    for fact in messages:
        of_ticket[fact.company_id, fact.whatsapp_id, fact.contact].append(fact)
    tickets = [
        _compute_ticket(ticket, of_ticket[ticket.key], changes) for ticket in expected.tickets
    ]
    return replace(expected, messages=messages, tickets=tickets)


def _compute_ticket(
    ticket: ComparedTicket, messages: Sequence[ComparedMessage], changes: Changes
) -> ComparedTicket:
    newest = max(messages, key=lambda fact: (fact.at, fact.wid))
    marks = [fact.at for fact in messages if changes.states[fact.key].read]
    unread = [
        fact for fact in messages if not fact.from_me and not (marks and fact.at <= max(marks))
    ]
    last = newest.body or ticket.last_message
    return replace(ticket, unread=len(unread), last_message=last)


def _draw_changes(random: Random, said: SampleMessage, place: LineIds) -> Iterator[MessageChange]:
    """Draw one or two changes that fit the message."""
    about = {
        "company_id": place.company_id,
        "whatsapp_id": place.whatsapp_id,
        "chat": said.chat.chat,
        "wid": said.wid,
    }
    possible = [
        _draw_reactions,
        _draw_deletions,
        _draw_acks if said.author is None else _draw_reads,
    ]
    possible += [_draw_edits] if said.kind in IN_WORDS else []
    for draw in random.sample(possible, random.randint(1, 2)):
        yield from draw(random, said, about)


def _draw_acks(random: Random, said: SampleMessage, about: About) -> Iterator[MessageChange]:
    for number, ack in enumerate(random.choice(COURSES), 1):
        code = "131026" if ack == FAILED else None
        at = said.at + timedelta(seconds=number)
        yield MessageAcked(**about, timestamp=at, ack=ack, error_code=code)


def _draw_edits(random: Random, said: SampleMessage, about: About) -> Iterator[MessageChange]:
    for number in range(1, random.randint(1, 3) + 1):
        at = said.at + timedelta(seconds=20 * number)
        yield MessageEdited(**about, timestamp=at, body=f"{said.text} ({number}ª correção)")


def _draw_deletions(_: Random, said: SampleMessage, about: About) -> Iterator[MessageChange]:
    for number in (1, 2):  # published twice, each time in one of the two forms
        yield MessageDeleted(**about, timestamp=said.at + timedelta(minutes=number))


def _draw_reactions(random: Random, said: SampleMessage, about: About) -> Iterator[MessageChange]:
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


def _draw_reads(_: Random, said: SampleMessage, about: About) -> Iterator[MessageChange]:
    yield MessageRead(**about, timestamp=said.at + timedelta(minutes=5))


def _build_records(
    random: Random, event: MessageChange, said: SampleMessage, topics: Topics
) -> Iterator[SampleRecord]:
    for number in range(2 if random.random() < REPEATED_SHARE else 1):
        if random.random() < OWN_SHARE:
            nonce = f"{event.type}/{event.wid}/{event.timestamp}/{number}"
            yield build_own_record(topics, event, nonce, event.timestamp)
        else:
            yield build_raw_change(random, event, said, topics)


def _build_unknown_line(event: MessageChange, topics: Topics) -> SampleRecord:
    astray = event.model_copy(update={"whatsapp_id": NOWHERE})
    record = build_own_record(topics, astray, f"rubbish/{event.wid}", event.timestamp)
    return replace(record, dead_reason=NO_SUCH_LINE)


def _compute_state(fact: ComparedMessage, changes_made: Sequence[MessageChange]) -> State:
    edits = [(e.timestamp, e.body) for e in changes_made if isinstance(e, MessageEdited)]
    return State(
        ack=compute_ack(
            [event.ack for event in changes_made if isinstance(event, MessageAcked)],
            before=1 if fact.from_me else 2,
        ),
        body=max(edits)[1] if edits else fact.body,
        is_edited=bool(edits),
        is_deleted=any(isinstance(event, MessageDeleted) for event in changes_made),
        read=fact.from_me or any(isinstance(event, MessageRead) for event in changes_made),
        reactions=_compute_reactions(
            event for event in changes_made if isinstance(event, MessageReacted)
        ),
    )


def compute_ack(acks: Sequence[int], before: int) -> int:
    """Return the highest ack; FAILED if one failed and none says that it was delivered."""
    furthest = max((before, *acks))
    return FAILED if FAILED in acks and furthest < 2 else furthest


def _compute_reactions(reactions: Iterable[MessageReacted]) -> tuple[str, ...]:
    newest: dict[str, tuple[datetime, str]] = {}
    for event in reactions:
        author = "" if event.from_me else event.participant or event.chat
        reaction = (event.timestamp, event.emoji)
        newest[author] = max(reaction, newest.get(author, reaction))
    return tuple(f"{author}={emoji}" for author, (_, emoji) in sorted(newest.items()))
