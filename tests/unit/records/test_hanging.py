"""What hangs on a row and in which order it goes, as the foreign keys say."""

import pytest

from shared.db.purged import PURGED
from shared.records.hanging import Step, company_column, ready, steps_of
from shared.records.rights import SOFTLY
from shared.schema import OWNERS, SERVICES, metadata

ROOTS = [name for name in PURGED if name != SOFTLY]


def step(root: str, name: str) -> Step:
    return next(step for step in steps_of(root) if step.name == name)


def test_with_a_company_goes_every_table_that_names_one() -> None:
    named = {step.table for step in steps_of("Companies")}
    with_company = {t.name for t in metadata.sorted_tables if company_column(t.name)}
    assert with_company - {"Purges", "PurgedRows"} <= named


@pytest.mark.parametrize("root", ROOTS)
def test_every_step_comes_to_its_turn(root: str) -> None:
    done: set[str] = set()
    while found := [one for service in SERVICES if (one := ready(root, done, service))]:
        done |= {one.name for one in found}
    assert done == {one.name for one in steps_of(root)}


@pytest.mark.parametrize("root", ROOTS)
def test_the_row_itself_goes_last(root: str) -> None:
    *others, last = steps_of(root)
    assert last.name == root
    assert last.after == {other.name for other in others}


@pytest.mark.parametrize("root", ROOTS)
def test_every_table_is_taken_by_its_owner(root: str) -> None:
    by_service = [one for one in steps_of(root) if OWNERS[one.table] in SERVICES]
    assert [one.name for one in by_service if one.owner != OWNERS[one.table]] == []


def test_what_a_ticket_has_goes_before_it_and_what_forgets_it_forgets_first() -> None:
    of_ticket = {"Messages", "TicketNotes", "TicketTags", "TicketTraking"}
    assert of_ticket | {"UserRatings.ticketId"} <= step("Tickets", "Tickets").after
    assert {"Reactions", "MessageMarks"} <= step("Tickets", "Messages").after


def test_a_ticket_is_closed_before_anything_of_it_goes() -> None:
    first, *others = steps_of("Tickets")
    assert first.what == "close"
    assert all(first.name in other.after for other in others)


def test_a_user_is_forgotten_by_tickets_and_takes_no_ticket_along() -> None:
    assert step("Users", "Tickets.userId").what == "forget"
    assert "Tickets" not in {one.name for one in steps_of("Users")}


def test_a_company_s_dead_letters_go_when_nothing_else_is_left() -> None:
    letters = step("Companies", "DeadLetters of tickets")
    assert {"Messages", "Tickets", "Contacts", "Users"} <= letters.after
