"""The generated rows fit together, are as the workers leave them, and are the same each time."""

import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from statistics import mean, median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.gateways.normalize.numbers import find_other_spelling
from shared.generate import rows
from shared.generate.chunks import Chunk
from shared.generate.company_rows import CompanyRow, LineRow, UserRow
from shared.generate.rows import TABLES
from shared.generate.sizes import scale_sizes
from shared.generate.stream import CHUNK_TICKETS, Options, RowStream
from shared.schema import metadata
from tests.faults.rows import Message, Rows, check_live_tickets, check_tickets
from tests.support.sources import ROOT

UNTIL = datetime(2026, 11, 30, 15, tzinfo=UTC)
SCALE = 0.01
HASH_IN_ANOTHER_PROCESS = """
from tests.unit.generate.test_generated_rows import hash_rows
print(hash_rows(1))
"""


def generate(seed: int = 1, scale: float = SCALE) -> Iterator[Chunk]:
    return RowStream(Options(scale, seed, UNTIL), {}).generate()


def hash_rows(seed: int) -> str:
    """Return a hash of all rows, in their order."""
    digest = hashlib.sha256()
    for chunk in generate(seed):
        for kind in TABLES:
            digest.update(repr(chunk.rows[kind]).encode())
        digest.update(repr(chunk.groups).encode())
    return digest.hexdigest()


@cache
def chunks() -> Sequence[Chunk]:
    return list(generate())


def rows_of(kind: type[Any]) -> list[Any]:
    return [row for chunk in chunks() for row in chunk.rows[kind]]


def tickets() -> list[Any]:
    """Return the tickets as they are in the end: a group's state comes after its messages."""
    states = {state.ticket_id: state for state in chunks()[-1].groups}
    return [
        row._replace(
            unreadMessages=states[row.id].unread,
            lastMessage=states[row.id].last_message,
            fromMe=states[row.id].from_me,
        )
        if row.id in states
        else row
        for row in rows_of(rows.TicketRow)
    ]


def to_shown(row: Any) -> Message:
    return Message(
        row.companyId, row.whatsappId, row.wid, row.id, row.ticketId, row.fromMe, row.read,
        row.body, row.mediaType, row.mediaUrl, row.createdAt, row.ack, row.isEdited,
        row.isDeleted, is_private=False, reactions=(),
    )  # fmt: skip


class Shown:
    """A ticket with the names that the audit of `make faults` has for its columns."""

    def __init__(self, row: Any) -> None:
        self.id, self.status = row.id, row.status
        self.companyId, self.whatsappId = row.companyId, row.whatsappId
        self.contactId = row.contactId
        self.unread, self.last_message, self.from_me = (
            row.unreadMessages, row.lastMessage, row.fromMe
        )  # fmt: skip


def test_one_seed_gives_equal_rows_in_any_process_and_another_seed_others() -> None:
    ended = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", HASH_IN_ANOTHER_PROCESS],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == hash_rows(1)
    assert hash_rows(2) != hash_rows(1)


def test_contacts_say_that_a_message_and_no_person_brought_them() -> None:
    found = {(row.source, row.isInAgenda) for row in rows_of(rows.ContactRow)}
    assert found == {("auto_created", False)}


@pytest.mark.parametrize("scale", [0.001, 0.02])
def test_there_are_exactly_as_many_rows_as_the_scale_says(scale: float) -> None:
    counts: Counter[type] = Counter()
    for chunk in generate(scale=scale):
        counts.update({kind: len(of_kind) for kind, of_kind in chunk.rows.items()})
    sizes = scale_sizes(scale)
    assert counts[CompanyRow] == sizes.companies
    assert counts[UserRow] == sizes.users
    assert counts[LineRow] == sizes.lines
    assert counts[rows.ContactRow] == round(45_000 * scale)
    assert counts[rows.TicketRow] == counts[rows.AttendanceRow] == round(120_000 * scale)
    assert counts[rows.MessageRow] == round(850_000 * scale)


def test_rows_refer_only_to_rows_of_their_company_that_are_inserted_before() -> None:
    keys: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for chunk in chunks():
        for kind, table in TABLES.items():
            of_table, columns = chunk.rows[kind], kind._fields
            constraints = metadata.tables[table].foreign_key_constraints
            keys[table].update((row.companyId, row.id) for row in of_table if "id" in columns
                               and "companyId" in columns)  # fmt: skip
            keys[table].update((row.id,) for row in of_table if "id" in columns)
            for constraint in constraints:
                names = [column.name for column in constraint.columns]
                if not set(names) <= set(columns):
                    continue
                parent = constraint.referred_table.name
                for row in of_table:
                    key = tuple(getattr(row, name) for name in names)
                    assert None in key or key in keys[parent], (table, names, row)


def test_every_table_is_among_the_mapped_ones_with_its_columns() -> None:
    for kind, table in TABLES.items():
        assert set(kind._fields) <= set(metadata.tables[table].columns.keys()), table


def test_tickets_show_their_last_message_and_what_is_unread() -> None:
    shown = [Shown(row) for row in tickets()]
    found = Rows([to_shown(row) for row in rows_of(rows.MessageRow)], shown, ())
    assert check_tickets(found) == []
    assert check_live_tickets(found) == []
    assert {ticket.status for ticket in shown} >= {"open", "pending", "closed", "group"}
    assert any(ticket.unread for ticket in shown if ticket.status == "closed")


def test_a_message_of_ours_has_no_contact_and_is_read() -> None:
    messages = rows_of(rows.MessageRow)
    assert {(row.fromMe, row.contactId is None) for row in messages} == {
        (True, True),
        (False, False),
    }
    assert all(row.read for row in messages if row.fromMe)
    assert {row.ack for row in messages if not row.fromMe} == {2}


def test_only_tickets_that_are_not_closed_have_addresses_and_all_ended_ones_a_time() -> None:
    for ticket in tickets():
        is_closed = ticket.status == "closed"
        assert (ticket.closedAt is not None) == is_closed
        assert not (is_closed and (ticket.lid or ticket.jid))
        assert (ticket.userId is None) == (ticket.status in {"pending", "group", "lgpd"})


def test_the_times_of_an_attendance_are_in_their_order() -> None:
    for row in rows_of(rows.AttendanceRow):
        times = (row.createdAt, row.chatbotAt, row.queuedAt, row.startedAt, row.closedAt,
                 row.finishedAt)  # fmt: skip
        known = [at for at in times if at]
        assert known == sorted(known)
        assert (row.finishedAt is None) <= (row.rated is False)
        assert row.updatedAt >= known[-1]


def test_ratings_belong_to_rated_attendances() -> None:
    rated = {row.ticketId for row in rows_of(rows.AttendanceRow) if row.rated}
    ratings = rows_of(rows.RatingRow)
    assert {row.ticketId for row in ratings} == rated
    assert {row.rate for row in ratings} <= set(range(11))
    assert len(ratings) == len(rated) > 10


def test_both_spellings_of_a_number_are_one_contact() -> None:
    numbers = {(row.companyId, row.number) for row in rows_of(rows.ContactRow) if row.number}
    others = {(company, find_other_spelling(number)) for company, number in numbers}
    assert numbers.isdisjoint(others)
    lengths = {len(number) for _, number in numbers}
    assert lengths >= {12, 13}


def test_lids_belong_to_numbers_and_merged_contacts_have_given_theirs_away() -> None:
    contacts = {row.id: row for row in rows_of(rows.ContactRow)}
    of_lids = {(row.companyId, row.lid): row.number for row in rows_of(rows.LidNumberRow)}
    both = {(c.companyId, c.lid): c.number for c in contacts.values() if c.lid and c.number}
    assert both == of_lids
    assert any(row.lid and not row.number for row in contacts.values())
    merged = [row for row in contacts.values() if row.mergedIntoContactId]
    assert merged
    for row in merged:
        assert not row.active
        assert (row.number, row.lid, row.jid) == (None, None, None)
        assert contacts[row.mergedIntoContactId].lid == row.remoteJid


def test_one_group_has_by_far_the_most_unread_messages() -> None:
    unread = sorted((row.unreadMessages, row.isGroup) for row in tickets())
    assert unread[-1] == (500, True)
    assert len([row for row in tickets() if row.isGroup]) == 4


def test_sizes_are_skewed_over_companies_tickets_and_chats() -> None:
    of_tickets = Counter(row.ticketId for row in rows_of(rows.MessageRow) if row.body)
    people = [row for row in tickets() if not row.isGroup]
    lengths = [of_tickets[row.id] for row in people]
    assert max(lengths) > 8 * mean(lengths) > 8 * median(lengths)
    of_contacts = Counter(row.contactId for row in people)
    assert max(of_contacts.values()) > 5 * mean(of_contacts.values())
    of_companies = Counter(row.companyId for row in people).most_common()
    assert of_companies[0][1] > 1.5 * of_companies[1][1] > 1.5 * of_companies[2][1]


def test_tickets_begin_on_two_years_days_mostly_in_business_hours() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    begun = [row.createdAt.astimezone(zone) for row in tickets()]
    assert min(begun) > UNTIL - timedelta(days=731)
    assert max(begun) < UNTIL
    in_hours = [at for at in begun if at.weekday() < 5 and 8 <= at.hour < 18]
    assert len(in_hours) > 0.75 * len(begun)
    of_weekdays = Counter(at.weekday() for at in begun)
    assert of_weekdays[0] > of_weekdays[5] > of_weekdays[6] > 0


def test_nothing_happens_after_the_end() -> None:
    times = [
        value
        for chunk in chunks()
        for kind, of_kind in chunk.rows.items()
        if kind is not CompanyRow  # which is paid for until a later date
        for row in of_kind
        for value in row
        if isinstance(value, datetime)
    ]
    assert max(times) < UNTIL


def test_a_chunk_does_not_grow_with_the_scale() -> None:
    assert all(len(c.rows[rows.TicketRow]) <= CHUNK_TICKETS + 500 for c in generate(scale=0.05))


def test_ids_go_on_after_those_that_the_database_has() -> None:
    stream = RowStream(Options(0.001, 1, UNTIL), {"Companies": 7, "Messages": 100})
    first, second, *_ = stream.generate()
    assert [row.id for row in first.rows[CompanyRow]] == [8, 9, 10]
    assert second.rows[rows.MessageRow][0].id == 101
    assert stream.get_last_id(CompanyRow) == 10
