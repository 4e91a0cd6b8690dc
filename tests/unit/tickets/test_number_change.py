"""A changed number is noted in the open tickets of its contact."""

from datetime import timedelta, timezone

from services.tickets.domain.keys import ContactKey
from services.tickets.number_change.rules import LiveTicket, build_notes
from shared.contracts.contact import ContactMoved
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit, Outcome
from tests.support.build import at

OLD, NEW = "5511900000001", "5511900000002"
TICKETS = [LiveTicket(1, 1000, 10, NEW), LiveTicket(1, 1001, 11, NEW)]


def moved(**members: object) -> ContactMoved:
    given: dict[str, object] = {"company_id": 1, "contact_id": 100, "number": OLD}
    return ContactMoved.model_validate(given | {"new_number": NEW, "is_renamed": True} | members)


def list_notes(outcome: Outcome) -> list[MessageCompose]:
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    return [fact for fact in facts if isinstance(fact, MessageCompose)]


def test_each_open_ticket_gets_a_private_note_with_both_numbers() -> None:
    notes = list_notes(build_notes({ContactKey(1, 100): TICKETS}, [moved()]))
    assert [(note.ticket_id, note.whatsapp_id, note.chat) for note in notes] == [
        (1000, 10, NEW),
        (1001, 11, NEW),
    ]
    assert all(note.is_private for note in notes)
    assert {note.body for note in notes} == {f"O número do contato mudou de {OLD} para {NEW}."}


def test_a_repeated_change_asks_for_the_same_note() -> None:
    tickets = {ContactKey(1, 100): TICKETS[:1]}
    first, second = list_notes(build_notes(tickets, [moved(), moved()]))
    (other,) = list_notes(build_notes(tickets, [moved(new_number="5511900000003")]))
    assert first.request_id == second.request_id
    assert other.request_id != first.request_id


def test_the_same_change_at_another_time_asks_for_another_note() -> None:
    tickets = {ContactKey(1, 100): TICKETS[:1]}
    times = [at(5), at(7), at(5).astimezone(timezone(timedelta(hours=-3)))]
    notes = list_notes(build_notes(tickets, [moved(timestamp=time) for time in times]))
    ids = [note.request_id for note in notes]
    assert ids[0] == f"ticket:1000:moved:{OLD}:{NEW}:20260820T120500.000000Z"
    assert ids[1] != ids[0]
    assert ids[2] == ids[0]


def test_a_number_of_another_contact_is_said_to_be_so() -> None:
    tickets = {ContactKey(1, 100): TICKETS[:1]}
    (note,) = list_notes(build_notes(tickets, [moved(is_renamed=False)]))
    assert note.body.endswith("O número novo já é de outro contato.")


def test_a_contact_without_an_open_ticket_and_other_companies_get_no_note() -> None:
    assert build_notes({ContactKey(2, 100): TICKETS}, [moved()]) == []
