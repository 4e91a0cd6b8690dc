"""What may happen on a line: conversations, what becomes of messages, and what is asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.contracts.answer import MessageSent
from shared.contracts.base import Event
from shared.contracts.message import MessageReceived
from shared.contracts.message_change import (
    MessageAcked,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketNote,
    TicketQueue,
    TicketRate,
    TicketRequest,
    TicketReturn,
    TicketTransfer,
)
from shared.gateways.senders.outgoing import wid_in_advance
from tests.support.build import GROUP, received

PEOPLE = ("5511900000001", "5511900000002")
CHATS = (*PEOPLE, PEOPLE[0], GROUP)  # one person has more to say than the other
USERS, QUEUES, CLOSING_QUEUE = (5, 6), (7, 8), 9
TRANSFER_NOTE = "Cuidado"
LONG_AGO = datetime(2020, 1, 6, 12, tzinfo=UTC)  # nobody answers a question of today

Draw = Callable[[st.SearchStrategy[Any]], Any]

words = st.sampled_from(["Oi", "Tem estoque?", "Quero dois", "Até já"])
moments = st.integers(0, 6).map(lambda minutes: LONG_AGO + timedelta(minutes=minutes))
kinds = st.sampled_from(["said"] * 4 + ["changed"] * 4 + ["asked"] * 5 + ["composed"])
wishes = st.one_of(
    st.builds(
        lambda user, queue: TicketAccept(**_wish(), user_id=user, queue_id=queue),
        st.sampled_from(USERS),
        st.sampled_from([None, *QUEUES]),
    ),
    st.builds(lambda: TicketReturn(**_wish())),
    st.builds(
        lambda queue: TicketQueue(**_wish(), queue_id=queue),
        st.sampled_from([*QUEUES, CLOSING_QUEUE]),
    ),
    st.builds(
        lambda user, queue, note: TicketTransfer(
            **_wish(), user_id=user, queue_id=queue, note=note
        ),
        st.sampled_from([None, *USERS]),
        st.sampled_from([None, *QUEUES]),
        st.sampled_from([None, TRANSFER_NOTE]),
    ),
    st.builds(lambda silent: TicketClose(**_wish(), silent=silent), st.booleans()),
    st.builds(lambda mark: TicketRate(**_wish(), rate=mark), st.integers(0, 10)),
    st.builds(lambda: TicketNote(**_wish(), note="Liga amanhã")),
)


@dataclass(frozen=True, slots=True)
class Item:
    """Something that happens in a chat; a wish about a ticket is about the newest one by then.

    `of` is the place of the request without which it would not happen.
    """

    chat: str
    event: Event
    of: int | None = None


@dataclass(frozen=True, slots=True)
class House:
    """What the company and its line want."""

    asks_rating: bool
    hands_over: bool
    forgets: bool
    reopens: bool


@dataclass(frozen=True, slots=True)
class History:
    """Items in the order in which they happen, and another one, in which some come twice.

    `order` names items by their places, and copies by those behind them.
    """

    house: House
    items: Sequence[Item]
    copies: Sequence[int]
    order: Sequence[int]
    pace: int

    def original(self, place: int) -> int:
        """Give the place of the item that a copy is of, or that there is."""
        return place if place < len(self.items) else self.copies[place - len(self.items)]

    def in_another_order(self, needs: Mapping[int, frozenset[int]]) -> Iterator[int]:
        """Go through `order`, but let each item wait for those that it needs; others fall out.

        A copy comes after its original, for of two that are the same the first is the original.
        """
        left = [place for place in self.order if self.original(place) in needs]
        done: set[int] = set()
        while left:
            place = next(place for place in left if self._needs(place, needs) <= done)
            left.remove(place)
            done.add(place)
            yield place

    def _needs(self, place: int, needs: Mapping[int, frozenset[int]]) -> frozenset[int]:
        return needs[place] if place < len(self.items) else frozenset({self.original(place)})


@st.composite
def histories(draw: Draw) -> History:
    """Draw what happens, what of it comes twice, and in which order it comes."""
    items: list[Item] = []
    names: list[tuple[str, str, int | None]] = []
    for number in range(draw(st.integers(3, 12))):
        kind = draw(kinds) if names else "said"
        if kind == "said":
            chat = draw(st.sampled_from(CHATS))
            names.append((chat, f"M{number}", None))
            items.append(Item(chat, _said(draw, number, chat)))
            continue
        chat, wid, of = draw(st.sampled_from(names))
        if kind == "changed":
            items.append(Item(chat, _changed(draw, chat, wid), of))
        elif kind == "asked":
            wish: TicketRequest = draw(wishes)
            items.append(Item(chat, wish.model_copy(update={"request_id": f"r{number}"})))
        else:
            names.append((chat, f"W{number}", len(items)))
            items += _composed(draw, number, chat, len(items))
    copies = draw(st.lists(st.integers(0, len(items) - 1), max_size=4))
    return History(
        house=House(*(draw(st.booleans()) for _ in range(4))),
        items=items,
        copies=copies,
        order=draw(st.permutations(range(len(items) + len(copies)))),
        pace=draw(st.integers(0, 2**32)),
    )


def _wish() -> dict[str, Any]:
    """Name neither ticket nor request yet."""
    return {"company_id": 1, "ticket_id": 0, "request_id": "r", "actor_id": USERS[0]}


def _said(draw: Draw, number: int, chat: str) -> MessageReceived:
    from_me = draw(st.booleans())
    members: dict[str, object] = {
        "timestamp": draw(moments),
        "body": draw(words),
        "from_me": from_me,
        "quoted_wid": draw(st.sampled_from([None, None, f"M{number - 1}", f"M{number + 1}"])),
    }
    if chat == GROUP:
        author = PEOPLE[draw(st.integers(0, 1))]
        return received(f"M{number}", **members, **_in_group(None if from_me else author))
    lid = draw(st.sampled_from([None, f"9{chat}@lid"]))
    return received(f"M{number}", **members, **_person(chat), lid=lid)


def _person(number: str) -> dict[str, object]:
    jid = f"{number}@s.whatsapp.net"
    return {"chat": number, "jid": jid, "push_name": f"Pessoa {number[-1]}"}


def _in_group(author: str | None) -> dict[str, object]:
    group = {"chat": GROUP, "jid": f"{GROUP}@g.us", "is_group": True, "push_name": None}
    if author is None:
        return group
    of_author = {
        "participant": author,
        "participant_jid": f"{author}@s.whatsapp.net",
        "push_name": f"Pessoa {author[-1]}",
    }
    return group | of_author


def _composed(draw: Draw, number: int, chat: str, place: int) -> list[Item]:
    """Ask for a message; its gateway answers, and the line may show it as it shows all of ours.

    It is written between two minutes: no other message is of the same moment. Nor are its words
    another's: until it is answered, the same words from our telephone could be its echo.
    """
    at = draw(moments) + timedelta(seconds=30, microseconds=number)
    body, request_id, wid = f"{draw(words)} ({number})", f"c{number}", f"W{number}"
    line: dict[str, Any] = {"company_id": 1, "whatsapp_id": 10, "chat": chat}
    request = MessageCompose(**line, request_id=request_id, body=body, timestamp=at)
    send_id = wid_in_advance(1, 10, request_id)
    answer = MessageSent(**line, send_id=send_id, wid=wid, timestamp=at)
    items = [Item(chat, request), Item(chat, answer, place)]
    if draw(st.booleans()):
        who = _in_group(None) if chat == GROUP else _person(chat)
        later = at + timedelta(seconds=draw(st.integers(0, 90)))
        echo = received(wid, **who, body=body, from_me=True, timestamp=later)
        items.append(Item(chat, echo, place))
    return items


def _changed(draw: Draw, chat: str, wid: str) -> Event:
    here: dict[str, Any] = {"company_id": 1, "whatsapp_id": 10, "chat": chat, "wid": wid}
    here["timestamp"] = draw(moments)
    author = draw(st.sampled_from(PEOPLE)) if chat == GROUP else None
    event: Event = draw(
        st.one_of(
            st.builds(
                lambda ack: MessageAcked(**here, ack=ack, error_code="7", error="x"),
                st.integers(-1, 4),
            ),
            st.builds(lambda body: MessageEdited(**here, body=body), words),
            st.builds(
                lambda emoji, ours: MessageReacted(
                    **here, emoji=emoji, from_me=ours, participant=author
                ),
                st.sampled_from(["", "👍", "🙏"]),
                st.booleans(),
            ),
            st.builds(lambda: MessageDeleted(**here)),
            st.builds(lambda: MessageRead(**here)),
        )
    )
    return event
