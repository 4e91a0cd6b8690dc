from dataclasses import replace
from datetime import datetime, timedelta

from shared.dev.demo.companies import Group, Person
from shared.dev.demo.comparison import ComparedTicket
from shared.dev.demo.conversations import Kind, SampleMessage
from shared.dev.demo.expected import build_expected
from tests.support.demo_rows import COMPANIES, NOW, build_demo_rows

ANA = Person("Ana Lima", "5511900000001", "14000000000001")
RUI = Person("Rui Melo", None, "14000000000002")
SALES, DELIVERIES = COMPANIES[0].lines
GARAGE = COMPANIES[1].lines[0]
START = NOW.replace(microsecond=0) - timedelta(hours=1)


def build_sample(
    author: Person | None, second: int, wid: str = "W", chat: Person | Group = ANA, text: str = "oi"
) -> SampleMessage:
    return SampleMessage(SALES, chat, author, wid, at(second), Kind.TEXT, text)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def build_ticket(*messages: SampleMessage) -> ComparedTicket:
    (found,) = build_expected(messages, [], build_demo_rows()).tickets
    return found


def test_unread_are_the_customers_messages_after_our_last_one() -> None:
    assert (
        build_ticket(
            build_sample(ANA, 1, "A"), build_sample(None, 2, "B"), build_sample(ANA, 3, "C")
        ).unread
        == 1
    )


def test_a_message_of_the_same_second_as_our_last_one_is_read() -> None:
    assert build_ticket(build_sample(None, 2, "B"), build_sample(ANA, 2, "C")).unread == 0


def test_without_an_answer_all_messages_are_unread() -> None:
    assert build_ticket(build_sample(ANA, 1, "A"), build_sample(ANA, 2, "B")).unread == 2


def test_the_last_message_is_the_newest_and_of_one_second_the_highest_wid() -> None:
    found = build_ticket(
        build_sample(ANA, 5, "A", text="tchau"),
        build_sample(None, 5, "B", text="até"),
        build_sample(ANA, 1),
    )
    assert (found.last_message, found.from_me) == ("até", True)


def test_a_message_without_text_shows_its_file() -> None:
    voice = replace(build_sample(ANA, 1, "VOZ"), kind=Kind.AUDIO, text="")
    assert build_ticket(voice).last_message == "VOZ.ogg"


def test_a_group_is_a_ticket_only_if_the_line_is_set_so() -> None:
    group = Group("120363000000000001", (ANA, RUI))
    in_group = build_sample(RUI, 1, chat=group)
    assert build_ticket(in_group).status == "pending"
    assert build_ticket(replace(in_group, line=DELIVERIES)).status == "group"


def test_a_group_that_the_line_does_not_allow_has_no_rows() -> None:
    unwanted = replace(build_sample(RUI, 1, chat=Group("120363000000000001", (RUI,))), line=GARAGE)
    nothing = build_expected([unwanted], [], build_demo_rows())
    assert (nothing.messages, nothing.tickets, nothing.contacts) == ([], [], [])


def test_contacts_of_a_group_are_the_group_and_its_authors() -> None:
    group = Group("120363000000000001", (ANA, RUI))
    found = build_expected(
        [build_sample(RUI, 1, chat=group), build_sample(None, 2, "B", group)], [], build_demo_rows()
    ).contacts
    assert {(c.identity, c.number, c.lid, c.is_group, c.name) for c in found} == {
        ("120363000000000001", "120363000000000001", None, True, None),
        ("14000000000002", None, "14000000000002", False, "Rui Melo"),
    }


def test_a_contact_who_never_wrote_has_no_name() -> None:
    (contact,) = build_expected([build_sample(None, 1)], [], build_demo_rows()).contacts
    assert contact.name is None
