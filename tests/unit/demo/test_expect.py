from dataclasses import replace
from datetime import datetime, timedelta

from shared.demo.cast import Group, Person
from shared.demo.crowd import Kind, Said
from shared.demo.expect import expected
from shared.demo.facts import TicketFact
from tests.support.demo_stage import CAST, NOW, stage

ANA = Person("Ana Lima", "5511900000001", "14000000000001")
RUI = Person("Rui Melo", None, "14000000000002")
SALES, DELIVERIES = CAST[0].lines
GARAGE = CAST[1].lines[0]
START = NOW.replace(microsecond=0) - timedelta(hours=1)


def says(
    author: Person | None, second: int, wid: str = "W", chat: Person | Group = ANA, text: str = "oi"
) -> Said:
    return Said(SALES, chat, author, wid, at(second), Kind.TEXT, text)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def ticket(*said: Said) -> TicketFact:
    (found,) = expected(said, [], stage()).tickets
    return found


def test_unread_are_the_customers_messages_after_our_last_one() -> None:
    assert ticket(says(ANA, 1, "A"), says(None, 2, "B"), says(ANA, 3, "C")).unread == 1


def test_a_message_of_the_same_second_as_our_last_one_is_read() -> None:
    assert ticket(says(None, 2, "B"), says(ANA, 2, "C")).unread == 0


def test_without_an_answer_all_is_unread() -> None:
    assert ticket(says(ANA, 1, "A"), says(ANA, 2, "B")).unread == 2


def test_the_last_message_is_the_newest_and_of_one_second_the_highest_wid() -> None:
    found = ticket(says(ANA, 5, "A", text="tchau"), says(None, 5, "B", text="até"), says(ANA, 1))
    assert (found.last_message, found.from_me) == ("até", True)


def test_a_message_without_words_shows_its_file() -> None:
    voice = replace(says(ANA, 1, "VOZ"), kind=Kind.AUDIO, text="")
    assert ticket(voice).last_message == "VOZ.ogg"


def test_a_group_is_a_ticket_only_where_the_line_wants_it() -> None:
    group = Group("120363000000000001", (ANA, RUI))
    on_sales = says(RUI, 1, chat=group)
    assert ticket(on_sales).status == "pending"
    assert ticket(replace(on_sales, line=DELIVERIES)).status == "group"


def test_nothing_comes_of_a_group_that_the_line_does_not_allow() -> None:
    unwanted = replace(says(RUI, 1, chat=Group("120363000000000001", (RUI,))), line=GARAGE)
    nothing = expected([unwanted], [], stage())
    assert (nothing.messages, nothing.tickets, nothing.contacts) == ([], [], [])


def test_a_groups_contacts_are_the_group_and_those_who_spoke() -> None:
    group = Group("120363000000000001", (ANA, RUI))
    found = expected([says(RUI, 1, chat=group), says(None, 2, "B", group)], [], stage()).contacts
    assert {(c.identity, c.number, c.lid, c.is_group, c.name) for c in found} == {
        ("120363000000000001", "120363000000000001", None, True, None),
        ("14000000000002", None, "14000000000002", False, "Rui Melo"),
    }


def test_whoever_only_got_messages_has_told_no_name() -> None:
    (contact,) = expected([says(None, 1)], [], stage()).contacts
    assert contact.name is None
