"""`chatia db purge`: counts what is older than the limits, asks, and waits for the workers."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.archive import counts, export
from shared.archive.counts import CompanyLimits, Counted
from shared.archive.export import Archived
from shared.cli import acts, output
from shared.cli.acts import OptionalCompanyOption
from shared.cli.db_backup import explain_backup_errors
from shared.cli.db_connection import run_with_database
from shared.cli.db_migrations import run_until_stopped
from shared.cli.db_upkeep import FULL_WARNING
from shared.cli.errors import CheckFailedError, DependencyFailedError, InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.db import migrations
from shared.db.bulk import statement
from shared.doctor import upkeep
from shared.records import retention_store
from shared.records.retention_store import MESSAGES, TICKETS, NewRetentionPurge
from shared.retention import Cutoffs, Retention, count_age_back, find_cutoffs
from shared.schema import OWNERS

LOOK_S = 0.5
# What a transaction under way has changed when the archive is read is not older than this.
SETTLED_AFTER = timedelta(minutes=10)
STOPPED = (
    "Stopped waiting. The workers go on with the deletion; `chatia status` shows how far it is."
)

WORKING = statement("""
SELECT DISTINCT service FROM "Workers" WHERE "reportedAt" > now() - interval '1 minute'
""")

PROGRESS = statement("""
SELECT "companyId" AS company, "tableName" AS name, removed, "finishedAt" IS NOT NULL AS ended
FROM "Purges" WHERE "requestId" = :request AND "olderThan" IS NOT NULL
ORDER BY "companyId", "tableName"
""")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is deleted; without any, what the settings of each company say."""

    messages_older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Messages, such as 1y, 6m, 8w or 90d.")
    ] = ""
    tickets_closed_before: Annotated[
        str, typer.Option(metavar="AGE", help="Closed tickets whose messages have all gone.")
    ] = ""
    company: OptionalCompanyOption = None

    def choose(self, company: CompanyLimits, now: datetime) -> Cutoffs:
        """Return the times before which rows of a company go."""
        if not (self.messages_older_than or self.tickets_closed_before):
            kept = Retention(company.message_days, company.closed_ticket_days)
            return find_cutoffs(kept, now)
        return Cutoffs(
            _parse_age(now, self.messages_older_than, "--messages-older-than"),
            _parse_age(now, self.tickets_closed_before, "--tickets-closed-before"),
        )


@dataclass(frozen=True, slots=True)
class Handling:
    """How it is deleted."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and delete nothing.")] = False
    archive: Annotated[
        str, typer.Option(metavar="DIR", help="First write what goes into this folder or bucket.")
    ] = ""
    vacuum_full: Annotated[
        bool, typer.Option("--vacuum-full", help="At the end give space to the disk; locks.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False


@dataclass(frozen=True, slots=True)
class Order:
    """What the command was asked for, by whom, and when."""

    limits: Limits
    handling: Handling
    actor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """What goes of a company: the times, and the rows that were counted."""

    cutoffs: Cutoffs
    counted: Counted


@expand_option_groups
def purge(
    limits: Limits,
    handling: Handling,
    *,
    actor: acts.ActorOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Delete old messages, and tickets that were closed long ago.

    Without limits, those of each company's settings. First all is counted. The workers of messages
    and tickets delete, each its own rows, while they are not behind; after Ctrl-C they go on.
    """
    now = datetime.now(UTC)
    limits.choose(CompanyLimits(0, None, None), now)  # a wrong age is refused before all else
    order = Order(limits, handling, actor or acts.find_operator(), now)
    planned = asyncio.run(run_with_database(lambda url: _plan(url, order)))
    if handling.dry_run or not planned:
        _print_planned(planned, as_json=as_json)
        return
    if not as_json:
        _print_planned(planned, as_json=False)
    _confirm(handling)
    asyncio.run(run_with_database(_check_workers))
    with explain_backup_errors():
        archived = run_until_stopped(lambda url: _archive(url, order, planned), "Stopped.")
    if not as_json:
        for each in archived:
            output.print_line(f"Archived {each.rows} rows: {each.where}")
    request = f"purge-{uuid4().hex[:12]}"
    asyncio.run(run_with_database(lambda url: _begin(url, order, request, planned)))
    removed = run_until_stopped(lambda url: _wait(url, request), STOPPED)
    run_until_stopped(lambda url: _vacuum(url, order, removed), "Stopped during VACUUM.")
    _print_removed(removed, archived, as_json=as_json)


async def _plan(url: str, order: Order) -> list[Planned]:
    """Count the rows of every company that has any to delete."""
    planned = []
    async with migrations.connect(url, autocommit=True) as conn:
        companies = await counts.load_companies(conn, order.limits.company)
        if order.limits.company is not None and not companies:
            raise InvalidUsageError(f"There is no company {order.limits.company}.")
        for company in companies:
            cutoffs = order.limits.choose(company, order.now)
            counted = await counts.count_rows(conn, company.id, cutoffs)
            if counted.messages or counted.tickets:
                planned.append(Planned(cutoffs, counted))
    return planned


def _confirm(handling: Handling) -> None:
    if handling.vacuum_full:
        output.print_error(FULL_WARNING)
    if handling.yes:
        return
    if not sys.stdin.isatty():
        raise InvalidUsageError("Nobody can be asked here: say --yes, or --dry-run.")
    lost = "They are archived first." if handling.archive else "Without --archive they are lost."
    typer.confirm(f"Delete these rows? {lost}", abort=True, err=True)


async def _check_workers(url: str) -> None:
    async with migrations.connect(url, autocommit=True) as conn:
        working = set((await conn.execute(WORKING)).scalars())
    for table in (MESSAGES, TICKETS):
        if OWNERS[table] not in working:
            raise DependencyFailedError(
                f"No worker of {OWNERS[table]} runs, and workers delete: start one first."
            )


async def _archive(url: str, order: Order, planned: Sequence[Planned]) -> list[Archived]:
    if not order.handling.archive:
        return []
    archived = []
    for each in planned:
        what = export.Scope(each.counted.company_id, each.cutoffs, order.now - SETTLED_AFTER)
        archived += await export.archive_company(url, order.handling.archive, what, order.now)
    return archived


async def _begin(url: str, order: Order, request: str, planned: Sequence[Planned]) -> None:
    unchanged = order.now - SETTLED_AFTER if order.handling.archive else None
    purges = [
        NewRetentionPurge(
            each.counted.company_id, table, request, order.actor, older_than, unchanged
        )
        for each in planned
        for table, older_than in (
            (MESSAGES, each.cutoffs.messages),
            (TICKETS, each.cutoffs.closed_tickets),
        )
        if older_than is not None
    ]
    async with migrations.connect(url) as conn:
        await retention_store.begin(conn, purges)
        await conn.commit()


async def _wait(url: str, request: str) -> dict[int, dict[str, int]]:
    """Wait until the workers have ended; return the deleted rows by company and table."""
    with output.build_progress_bar() as bars:
        task = bars.add_task("Deleting (rows)", total=None)
        async with migrations.connect(url, autocommit=True) as conn:
            while True:
                rows = (await conn.execute(PROGRESS, {"request": request})).all()
                removed = _add_up(rows)
                bars.update(task, completed=sum(sum(each.values()) for each in removed.values()))
                if all(row.ended for row in rows):
                    return removed
                await asyncio.sleep(LOOK_S)


def _add_up(rows: Sequence[Any]) -> dict[int, dict[str, int]]:
    removed: dict[int, dict[str, int]] = {}
    for row in rows:
        of_company = removed.setdefault(row.company, {})
        for table, number in row.removed.items():
            of_company[table] = of_company.get(table, 0) + number
    return removed


async def _vacuum(url: str, order: Order, removed: Mapping[int, Mapping[str, int]]) -> None:
    """Make the space usable again, of the tables whose rows were deleted."""
    tables = sorted({t for each in removed.values() for t in each if "." not in t})

    async def run(conn: AsyncConnection) -> list[str]:
        options = ["FULL"] if order.handling.vacuum_full else []
        return await upkeep.vacuum(conn, tables, output.print_error, options=options)

    async with migrations.connect(url, autocommit=True) as conn:
        failed = await run(conn)
    if failed:
        raise CheckFailedError(f"The rows are deleted, but VACUUM failed: {failed[0]}.")


def _print_planned(planned: Sequence[Planned], *, as_json: bool) -> None:
    if as_json:
        output.print_json([_describe(each) for each in planned])
        return
    if not planned:
        output.print_line("Nothing is older than the limits.")
        return
    output.print_table(
        ("company", "messages", "written before", "tickets", "closed before"),
        [
            (
                each.counted.company_id,
                each.counted.messages,
                _format_time(each.cutoffs.messages),
                each.counted.tickets,
                _format_time(each.cutoffs.closed_tickets),
            )
            for each in planned
        ],
    )


def _describe(each: Planned) -> dict[str, Any]:
    times = each.cutoffs
    return {
        "company": each.counted.company_id,
        "messages": each.counted.messages,
        "messagesBefore": times.messages.isoformat() if times.messages else None,
        "tickets": each.counted.tickets,
        "ticketsClosedBefore": times.closed_tickets.isoformat() if times.closed_tickets else None,
    }


def _print_removed(
    removed: Mapping[int, Mapping[str, int]], archived: Sequence[Archived], *, as_json: bool
) -> None:
    if as_json:
        output.print_json(
            {
                "deleted": [
                    {"company": company, "rows": dict(rows)} for company, rows in removed.items()
                ],
                "archived": [each.describe() for each in archived],
            }
        )
        return
    output.print_table(
        ("company", "table", "deleted"),
        [
            (str(company), table, number)
            for company, rows in removed.items()
            for table, number in sorted(rows.items())
        ],
    )


def _format_time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z" if at else "-"


def _parse_age(now: datetime, age: str, option: str) -> datetime | None:
    if not age:
        return None
    try:
        return count_age_back(now, age)
    except ValueError as error:
        raise InvalidUsageError(f"{option}: {error}.") from error
