"""Random histories of a line: messages, their changes, and requests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.contracts.base import Event
from shared.contracts.message import PLACEHOLDERS, MessageReceived
from shared.contracts.message_change import (
    MessageAcked,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.contracts.message_request import MessageCompose
from shared.contracts.send_result import MessageSent
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
from shared.gateways.senders.outgoing import derive_wid
from tests.support.build import GROUP, received

PEOPLE = ("5511900000001", "5511900000002")
CHATS = (*PEOPLE, PEOPLE[0], GROUP)  # one person writes more than the other
USERS, QUEUES, CLOSING_QUEUE = (5, 6), (7, 8), 9
TRANSFER_NOTE = "Cuidado"
FIRST_MOMENT = datetime(
    2020, 1, 6, 12, tzinfo=UTC
)  # long ago, so that no auto-reply waits for an answer

Draw = Callable[[st.SearchStrategy[Any]], Any]

bodies = st.sampled_from(["Oi", "Tem estoque?", "Quero dois", "Até já"])
moments = st.integers(0, 6).map(lambda minutes: FIRST_MOMENT + timedelta(minutes=minutes))
kinds = st.sampled_from(
    ["said"] * 4 + ["changed"] * 4 + ["asked"] * 5 + ["composed"] + ["shown"] * 2
)
ticket_requests = st.one_of(
    st.builds(
        lambda user, queue: TicketAccept(**_build_common_members(), user_id=user, queue_id=queue),
        st.sampled_from(USERS),
        st.sampled_from([None, *QUEUES]),
    ),
    st.builds(lambda: TicketReturn(**_build_common_members())),
    st.builds(
        lambda queue: TicketQueue(**_build_common_members(), queue_id=queue),
        st.sampled_from([*QUEUES, CLOSING_QUEUE]),
    ),
    st.builds(
        lambda user, queue, note: TicketTransfer(
            **_build_common_members(), user_id=user, queue_id=queue, note=note
        ),
        st.sampled_from([None, *USERS]),
        st.sampled_from([None, *QUEUES]),
        st.sampled_from([None, TRANSFER_NOTE]),
    ),
    st.builds(lambda silent: TicketClose(**_build_common_members(), silent=silent), st.booleans()),
    st.builds(lambda mark: TicketRate(**_build_common_members(), rate=mark), st.integers(0, 10)),
    st.builds(lambda: TicketNote(**_build_common_members(), note="Liga amanhã")),
)


@dataclass(frozen=True, slots=True)
class Item:
    """An event in a chat; a ticket request is about the chat's newest ticket at that moment.

    `of` is the index of the request that it follows from; `shows` is that of the placeholder of
    which it is the content.
    """

    chat: str
    event: Event
    of: int | None = None
    shows: int | None = None


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Settings of the company and its line."""

    asks_rating: bool
    hands_over: bool
    forgets: bool
    reopens: bool


@dataclass(frozen=True, slots=True)
class History:
    """Items in the order in which they happen, and another order with copies of some.

    `order` holds indexes: of items, and after them of copies.
    """

    settings: LineSettings
    items: Sequence[Item]
    copies: Sequence[int]
    order: Sequence[int]
    pace: int

    def original(self, index: int) -> int:
        """Return the index of the item itself or, for a copy, of its original."""
        return index if index < len(self.items) else self.copies[index - len(self.items)]

    def in_another_order(self, needs: Mapping[int, frozenset[int]]) -> Iterator[int]:
        """Yield the indexes of `order` that `needs` holds, each after those that it needs.

        A copy comes after its original.
        """
        left = [index for index in self.order if self.original(index) in needs]
        done: set[int] = set()
        while left:
            index = next(index for index in left if self._needs(index, needs) <= done)
            left.remove(index)
            done.add(index)
            yield index

    def _needs(self, index: int, needs: Mapping[int, frozenset[int]]) -> frozenset[int]:
        return needs[index] if index < len(self.items) else frozenset({self.original(index)})


@st.composite
def histories(draw: Draw) -> History:
    """Draw the items, copies of some, and an order of all."""
    items: list[Item] = []
    messages: list[tuple[str, str, int | None]] = []
    hidden: list[tuple[int, MessageReceived]] = []
    for number in range(draw(st.integers(3, 12))):
        kind = draw(kinds) if messages else "said"
        if kind == "said":
            chat = draw(st.sampled_from(CHATS))
            messages.append((chat, f"M{number}", None))
            message, content = _draw_shown_or_hidden(draw, number, chat)
            hidden += [(len(items), each) for each in content]
            items.append(Item(chat, message))
            continue
        chat, wid, of = draw(st.sampled_from(messages))
        if kind == "shown":
            items += _show(draw, hidden, items)
        elif kind == "changed":
            items.append(Item(chat, _draw_change(draw, chat, wid), of))
        elif kind == "asked":
            request: TicketRequest = draw(ticket_requests)
            items.append(Item(chat, request.model_copy(update={"request_id": f"r{number}"})))
        else:
            messages.append((chat, f"W{number}", len(items)))
            items += _draw_compose(draw, number, chat, len(items))
    copies = draw(st.lists(st.integers(0, len(items) - 1), max_size=4))
    return History(
        settings=LineSettings(*(draw(st.booleans()) for _ in range(4))),
        items=items,
        copies=copies,
        order=draw(st.permutations(range(len(items) + len(copies)))),
        pace=draw(st.integers(0, 2**32)),
    )


def _build_common_members() -> dict[str, Any]:
    """Return the members of all requests; ticket and request id are set later."""
    return {"company_id": 1, "ticket_id": 0, "request_id": "r", "actor_id": USERS[0]}


def _draw_message(draw: Draw, number: int, chat: str) -> MessageReceived:
    from_me = draw(st.booleans())
    members: dict[str, object] = {
        "timestamp": draw(moments),
        "body": draw(bodies),
        "from_me": from_me,
        "quoted_wid": draw(st.sampled_from([None, None, f"M{number - 1}", f"M{number + 1}"])),
    }
    if chat == GROUP:
        author = PEOPLE[draw(st.integers(0, 1))]
        return received(f"M{number}", **members, **_build_group_sender(None if from_me else author))
    lid = draw(st.sampled_from([None, f"9{chat}@lid"]))
    bsuid = draw(st.sampled_from([None, f"BR.{chat}"]))
    return received(f"M{number}", **members, **_build_sender(chat), lid=lid, bsuid=bsuid)


def _draw_shown_or_hidden(
    draw: Draw, number: int, chat: str
) -> tuple[MessageReceived, list[MessageReceived]]:
    """Draw a message, or the placeholder of a customer's message and its content.

    Not of ours: while a text of ours has no send result, such a placeholder may be its echo.
    """
    message = _draw_message(draw, number, chat)
    if message.from_me or not draw(st.sampled_from([False, False, True])):
        return message, []
    members = {
        "body": "",
        "media_type": draw(st.sampled_from(sorted(PLACEHOLDERS))),
        "quoted_wid": draw(st.sampled_from([None, f"M{number - 1}"])),
    }
    return message.model_copy(update=members), [message]


def _show(
    draw: Draw, hidden: list[tuple[int, MessageReceived]], items: Sequence[Item]
) -> list[Item]:
    """Draw which placeholder's content comes, if there is one."""
    if not hidden:
        return []
    index, message = hidden.pop(draw(st.integers(0, len(hidden) - 1)))
    return [Item(items[index].chat, message, shows=index)]


def _build_sender(number: str) -> dict[str, object]:
    jid = f"{number}@s.whatsapp.net"
    return {"chat": number, "jid": jid, "push_name": f"Pessoa {number[-1]}"}


def _build_group_sender(author: str | None) -> dict[str, object]:
    group = {"chat": GROUP, "jid": f"{GROUP}@g.us", "is_group": True, "push_name": None}
    if author is None:
        return group
    of_author = {
        "participant": author,
        "participant_jid": f"{author}@s.whatsapp.net",
        "push_name": f"Pessoa {author[-1]}",
    }
    return group | of_author


def _draw_compose(draw: Draw, number: int, chat: str, index: int) -> list[Item]:
    """Draw a message request, its send result and perhaps its echo.

    Its time and body are unlike those of all other messages: until the send result, a message of
    ours with the same body could be taken for its echo.
    """
    at = draw(moments) + timedelta(seconds=30, microseconds=number)
    body, request_id, wid = f"{draw(bodies)} ({number})", f"c{number}", f"W{number}"
    line: dict[str, Any] = {"company_id": 1, "whatsapp_id": 10, "chat": chat}
    request = MessageCompose(**line, request_id=request_id, body=body, timestamp=at)
    send_id = derive_wid(1, 10, request_id)
    answer = MessageSent(**line, send_id=send_id, wid=wid, timestamp=at)
    items = [Item(chat, request), Item(chat, answer, index)]
    if draw(st.booleans()):
        who = _build_group_sender(None) if chat == GROUP else _build_sender(chat)
        later = at + timedelta(seconds=draw(st.integers(0, 90)))
        echo = received(wid, **who, body=body, from_me=True, timestamp=later)
        items.append(Item(chat, echo, index))
    return items


def _draw_change(draw: Draw, chat: str, wid: str) -> Event:
    here: dict[str, Any] = {"company_id": 1, "whatsapp_id": 10, "chat": chat, "wid": wid}
    here["timestamp"] = draw(moments)
    author = draw(st.sampled_from(PEOPLE)) if chat == GROUP else None
    event: Event = draw(
        st.one_of(
            st.builds(
                lambda ack: MessageAcked(**here, ack=ack, error_code="7", error="x"),
                st.integers(-1, 4),
            ),
            st.builds(lambda body: MessageEdited(**here, body=body), bodies),
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
