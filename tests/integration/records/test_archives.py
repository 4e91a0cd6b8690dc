"""Archives: what a purge writes before it deletes, brought back exactly, or refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.archive.content import list_tables
from shared.archive.export import Archived, Scope, archive_company
from shared.archive.unarchive import unarchive
from shared.backup.checksums import sum_tables
from shared.backup.errors import DamagedBackupError, ForeignBackupError, RefusalError
from shared.backup.manifest import FILE, TableSum
from shared.records.retention_store import MESSAGES, TICKETS
from shared.retention import Cutoffs
from tests.support.retention_rows import HALF_YEAR_AGO, NOW, YEAR_AGO, Kept

pytestmark = pytest.mark.integration

MARCH, APRIL = datetime(2025, 3, 31, 23, 59, 59, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)
EDITED = datetime(2025, 5, 1, tzinfo=UTC)
WRITTEN = {"updatedAt": EDITED}


async def fill(flow: Kept) -> None:
    """Insert a ticket with all that depends on it, with messages of two months; and one more."""
    ticket = await flow.ticket(dataWebhook='{"a":  1,\n"b": "tab\\t☺"}')
    of_ticket = {"ticketId": ticket["id"], "updatedAt": EDITED}
    for table in ("TicketNotes", "TicketTags", "LogTickets"):
        await flow.rows.insert(table, flow.company, of_ticket)
    tracking = await flow.rows.insert("TicketTraking", flow.company, of_ticket)
    for table in ("LaneTimers", "TicketSuccessors"):
        await flow.rows.insert(table, flow.company, {"ticketId": ticket["id"]})
    first = await flow.message(ticket, MARCH, body="Olá\n\\N \"'☺", **WRITTEN)
    second = await flow.message(
        ticket, MARCH, quotedMsgId=first, ticketTrakingId=tracking["id"], **WRITTEN
    )
    await flow.conn.execute('UPDATE "Messages" SET "quotedMsgId" = $1 WHERE id = $2', second, first)
    for table in ("Reactions", "MessageMarks", "AwaitedQuotes"):
        await flow.rows.insert(table, flow.company, {"messageId": first})
    await flow.message(ticket, APRIL, **WRITTEN)
    await flow.ticket(closedAt=MARCH)  # without messages


async def archive(flow: Kept, url: str, folder: Path) -> list[Archived]:
    scope = Scope(
        flow.company, Cutoffs(YEAR_AGO, HALF_YEAR_AGO), datetime.now(UTC) - timedelta(minutes=10)
    )
    return await archive_company(url, str(folder), scope, NOW)


async def delete(flow: Kept) -> None:
    unchanged = datetime.now(UTC) - timedelta(minutes=10)
    await flow.begin_one(MESSAGES, YEAR_AGO, unchanged)
    await flow.begin_one(TICKETS, HALF_YEAR_AGO, unchanged)
    await flow.delete(MESSAGES)
    await flow.delete(TICKETS)


async def sums(flow: Kept) -> dict[str, TableSum]:
    async with flow.engine.connect() as conn:
        return await sum_tables(conn, dict.fromkeys(list_tables(), "true"))


async def test_archives_that_are_brought_back_have_the_same_rows(
    flow: Kept, retention_url: str, tmp_path: Path
) -> None:
    await fill(flow)
    before = await sums(flow)
    assert all(table.rows for table in before.values()), before
    archived = await archive(flow, retention_url, tmp_path)
    months = ["2025-03", "2025-04"]
    assert [each.manifest.month for each in archived] == months
    counted = [each.manifest.tables["Messages"].rows for each in archived]
    assert counted == [2, 1]
    await delete(flow)
    successor = 1  # of the transfer: it is open
    assert {name: table.rows for name, table in (await sums(flow)).items() if table.rows} == {
        "Tickets": successor
    }
    for month in months:
        (done,) = await unarchive(retention_url, str(tmp_path), flow.company, month)
        assert done.differences == []
        assert done.limit_days == 365
    assert await sums(flow) == before


async def test_a_month_alone_comes_back_with_its_tickets(
    flow: Kept, retention_url: str, tmp_path: Path
) -> None:
    await fill(flow)
    await archive(flow, retention_url, tmp_path)
    await delete(flow)
    (done,) = await unarchive(retention_url, str(tmp_path), flow.company, "2025-04")
    assert (done.rows["Messages"], done.rows["Tickets"]) == (1, 1)


async def test_nothing_comes_back_if_a_row_of_it_is_there(
    flow: Kept, retention_url: str, tmp_path: Path
) -> None:
    await fill(flow)
    await archive(flow, retention_url, tmp_path)
    before = await sums(flow)
    with pytest.raises(RefusalError, match="2 messages and 0 tickets"):
        await unarchive(retention_url, str(tmp_path), flow.company, "2025-03")
    assert await sums(flow) == before


async def test_nothing_comes_back_without_its_contact(
    flow: Kept, retention_url: str, tmp_path: Path
) -> None:
    await fill(flow)
    await archive(flow, retention_url, tmp_path)
    await delete(flow)
    await flow.conn.execute('DELETE FROM "Contacts"')
    with pytest.raises(RefusalError, match="no longer there"):
        await unarchive(retention_url, str(tmp_path), flow.company, "2025-03")
    assert await flow.ids("Messages") == set()


async def test_a_reference_to_a_row_that_is_gone_is_empty_and_named(
    flow: Kept, retention_url: str, tmp_path: Path
) -> None:
    ticket = await flow.ticket()
    march = await flow.message(ticket, MARCH, **WRITTEN)
    await flow.message(ticket, APRIL, quotedMsgId=march, **WRITTEN)
    await archive(flow, retention_url, tmp_path)
    await delete(flow)
    (done,) = await unarchive(retention_url, str(tmp_path), flow.company, "2025-04")
    assert done.differences == ["Messages has other values"]


@pytest.mark.parametrize(
    ("month", "company", "error"),
    [("2024-01", None, ForeignBackupError), ("2025-03", 999_999, ForeignBackupError)],
    ids=["no such month", "no such company"],
)
async def test_an_archive_that_there_is_not_is_refused(
    flow: Kept,
    retention_url: str,
    tmp_path: Path,
    month: str,
    company: int | None,
    error: type[Exception],
) -> None:
    await fill(flow)
    await archive(flow, retention_url, tmp_path)
    with pytest.raises(error, match="has no archive of company"):
        await unarchive(retention_url, str(tmp_path), company or flow.company, month)


@pytest.mark.parametrize("damage", ["cut", "changed", "no manifest", "bad manifest"])
async def test_a_damaged_archive_is_refused(
    flow: Kept, retention_url: str, tmp_path: Path, damage: str
) -> None:
    await fill(flow)
    march, _ = await archive(flow, retention_url, tmp_path)
    await delete(flow)
    rows, manifest = Path(march.where) / "rows.ndjson.zst", Path(march.where) / FILE
    content = rows.read_bytes()
    if damage == "cut":
        rows.write_bytes(content[:-9])
    elif damage == "changed":
        rows.write_bytes(content + content)
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text('{"product": "x"}')
    with pytest.raises(DamagedBackupError):
        await unarchive(retention_url, str(tmp_path), flow.company, "2025-03")
    assert await flow.ids("Messages") == set()


async def test_a_message_that_changed_lately_is_neither_archived_nor_deleted(
    flow: Kept, retention_url: str, tmp_path: Path
) -> None:
    ticket = await flow.ticket()
    lately = await flow.message(ticket, MARCH)
    await flow.message(ticket, MARCH, **WRITTEN)
    (month,) = await archive(flow, retention_url, tmp_path)
    assert month.manifest.tables["Messages"].rows == 1
    assert month.manifest.tables["Tickets"].rows == 0
    await delete(flow)
    assert await flow.ids("Messages") == {lately}
    assert await flow.ids("Tickets") == {ticket["id"]}


async def test_a_changed_archive_is_named_by_its_file_and_nothing_of_it_is_read(
    flow: Kept, retention_url: str, tmp_path: Path
) -> None:
    await fill(flow)
    (first, _) = await archive(flow, retention_url, tmp_path)
    await delete(flow)
    file = Path(first.where) / first.manifest.file.name
    changed = bytearray(file.read_bytes())
    changed[len(changed) // 2] ^= 255
    file.write_bytes(changed)
    with pytest.raises(DamagedBackupError, match=f"^{file} is not what its manifest says"):
        await unarchive(retention_url, str(tmp_path), flow.company, "2025-03")
    assert await flow.ids("Messages") == set()


async def test_a_month_that_two_bring_back_at_once_comes_back_once(
    flow: Kept, retention_url: str, tmp_path: Path
) -> None:
    await fill(flow)
    before = await sums(flow)
    await archive(flow, retention_url, tmp_path)
    await delete(flow)
    attempts = [
        unarchive(retention_url, str(tmp_path), flow.company, month)
        for month in ("2025-03", "2025-03", "2025-04")
    ]
    ended = await asyncio.gather(*attempts[:2], return_exceptions=True)
    await attempts[2]
    (refused,) = [each for each in ended if isinstance(each, BaseException)]
    assert isinstance(refused, RefusalError)
    assert "are there already" in str(refused)
    assert await sums(flow) == before
