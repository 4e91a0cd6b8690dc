"""The steps of purges, and their order."""

import pytest

from shared.db.purged import PURGED_TABLES
from shared.records.protected_columns import ARCHIVED
from shared.records.purge_steps import (
    PurgeStep,
    build_steps,
    find_company_id_column,
    find_next_step,
)
from shared.schema import OWNERS, SERVICES, metadata

ROOTS = [name for name in PURGED_TABLES if name != ARCHIVED]


def step(root: str, name: str) -> PurgeStep:
    return next(step for step in build_steps(root) if step.name == name)


def test_purging_a_company_deletes_from_every_table_with_a_company() -> None:
    named = {step.table for step in build_steps("Companies")}
    with_company = {t.name for t in metadata.sorted_tables if find_company_id_column(t.name)}
    assert with_company - {"Purges", "PurgedRows"} <= named


@pytest.mark.parametrize("root", ROOTS)
def test_every_step_gets_its_turn(root: str) -> None:
    done: set[str] = set()
    while found := [one for service in SERVICES if (one := find_next_step(root, done, service))]:
        done |= {one.name for one in found}
    assert done == {one.name for one in build_steps(root)}


@pytest.mark.parametrize("root", ROOTS)
def test_the_row_itself_is_deleted_last(root: str) -> None:
    *others, last = build_steps(root)
    assert last.name == root
    assert last.after == {other.name for other in others}


@pytest.mark.parametrize("root", ROOTS)
def test_every_step_is_run_by_the_owner_of_its_table(root: str) -> None:
    by_service = [one for one in build_steps(root) if OWNERS[one.table] in SERVICES]
    assert [one.name for one in by_service if one.owner != OWNERS[one.table]] == []


def test_dependents_of_a_ticket_are_deleted_or_updated_before_it() -> None:
    of_ticket = {"Messages", "TicketNotes", "TicketTags", "TicketTraking"}
    assert of_ticket | {"UserRatings.ticketId"} <= step("Tickets", "Tickets").after
    assert {"Reactions", "MessageMarks"} <= step("Tickets", "Messages").after


def test_a_ticket_is_closed_before_its_rows_are_deleted() -> None:
    first, *others = build_steps("Tickets")
    assert first.action == "close"
    assert all(first.name in other.after for other in others)


def test_purging_a_user_sets_null_in_tickets_and_deletes_none() -> None:
    assert step("Users", "Tickets.userId").action == "forget"
    assert "Tickets" not in {one.name for one in build_steps("Users")}


def test_dead_letters_of_a_company_are_deleted_last() -> None:
    letters = step("Companies", "DeadLetters of tickets")
    assert {"Messages", "Tickets", "Contacts", "Users"} <= letters.after
