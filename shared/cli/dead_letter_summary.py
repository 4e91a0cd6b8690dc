"""`chatia dead-letters summary`: how many letters there are, by reason, service and company."""

import asyncio
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from shared.cli import dead_letter_store, output
from shared.cli.dead_letter_format import escape_unprintable
from shared.cli.dead_letter_options import Filters, Status
from shared.cli.dead_letter_store import MATCHES
from shared.cli.options import expand_option_groups
from shared.db.bulk import statement
from shared.settings import Settings

STATUSES = tuple(status.value for status in Status if status is not Status.ALL)
OPTIONAL_COLUMNS = ("newest", "discarded", "resolved", "topic")  # the first goes first

COUNT = statement(f"""
SELECT CASE WHEN :reason_too THEN reason END AS reason,
       CASE WHEN :service_too THEN service END AS service,
       CASE WHEN :company_too THEN "companyId" END AS company,
       CASE WHEN :topic_too THEN topic END AS topic,
       count(*) FILTER (WHERE status = 'open') AS open,
       count(*) FILTER (WHERE status = 'replayed') AS replayed,
       count(*) FILTER (WHERE status = 'resolved') AS resolved,
       count(*) FILTER (WHERE status = 'discarded') AS discarded,
       min("createdAt") AS oldest, max("createdAt") AS newest
FROM (SELECT * FROM "DeadLetters" WHERE {MATCHES} ORDER BY id LIMIT :limit) AS matching
GROUP BY 1, 2, 3, 4 ORDER BY open DESC, replayed DESC, count(*) DESC, 1, 2, 3, 4
""")  # noqa: S608 - only the filters are filled in


class Group(StrEnum):
    """What letters are counted by."""

    REASON = "reason"
    SERVICE = "service"
    COMPANY = "company"
    TOPIC = "topic"


DEFAULT_GROUPS = (Group.REASON, Group.SERVICE, Group.COMPANY)


@expand_option_groups
def summary_command(
    *,
    by: Annotated[
        list[Group] | None,
        typer.Option("--by", help="Count by this; may be repeated. By reason, service, company."),
    ] = None,
    filters: Filters,
    as_json: output.JsonOption = False,
) -> None:
    """Count dead letters by reason, service and company, those with most open letters first."""
    groups = [group for group in Group if group in (by or DEFAULT_GROUPS)]
    counts = asyncio.run(_count(Settings(), filters, groups))
    if as_json:
        output.print_json([_convert_to_json(count, groups) for count in counts])
    else:
        _print_counts(counts, groups)


async def _count(
    settings: Settings, filters: Filters, groups: Sequence[Group]
) -> list[dict[str, Any]]:
    query = filters.build_query(settings, default_statuses=STATUSES)
    named = {f"{group}_too": group in groups for group in Group}
    async with dead_letter_store.open_read_transaction(settings.database, query.company) as conn:
        await filters.check(conn, settings)
        rows = await conn.execute(COUNT, query.parameters | named)
        return [dict(row) for row in rows.mappings()]


def _print_counts(counts: Sequence[dict[str, Any]], groups: Sequence[Group]) -> None:
    # A status without letters needs no column.
    statuses = [s for s in STATUSES if s == Status.OPEN or any(count[s] for count in counts)]
    if counts:
        output.print_table(
            (*groups, *statuses, "oldest", "newest"),
            [_build_row(count, groups, statuses) for count in counts],
            optional=OPTIONAL_COLUMNS,
        )
    totals = [f"{status} {sum(count[status] for count in counts):,}" for status in statuses]
    total = sum(count[status] for count in counts for status in STATUSES)
    output.print_line(f"Dead letters: {total:,} ({', '.join(totals)}).")


def _build_row(
    count: dict[str, Any], groups: Iterable[Group], statuses: Iterable[str]
) -> tuple[object, ...]:
    return (
        *(_format_group(count[group]) for group in groups),
        *(count[status] for status in statuses),
        f"{count['oldest']:%Y-%m-%d}",
        f"{count['newest']:%Y-%m-%d}",
    )


def _format_group(value: object) -> str:
    return "-" if value is None else escape_unprintable(str(value))


def _convert_to_json(count: dict[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    times = {name: count[name].isoformat() for name in ("oldest", "newest")}
    return {name: count[name] for name in (*groups, *STATUSES)} | times
