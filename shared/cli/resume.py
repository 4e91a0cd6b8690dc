"""`chatia resume`: lists quarantined lines, and ends a quarantine."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import dead_letter_outcomes, dead_letter_store, output
from shared.cli.dead_letter_actions import UNSETTLED, Replayed, print_report, replay_and_wait
from shared.cli.dead_letter_options import ActionOptions, WaitOptions
from shared.cli.dead_letter_replay import Edits, Replay
from shared.cli.dead_letter_store import DeadLetterQuery
from shared.cli.errors import InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.db.bulk import statement
from shared.settings import Settings

LIST = statement("""
SELECT q.service, q.line, q."createdAt", q.reason, q.detail, count(l.id) AS letters
FROM "Quarantines" q
LEFT JOIN "DeadLetters" l ON l.service = q.service AND l.line = q.line
  AND l.reason = 'quarantined' AND l.status IN ('open', 'replayed')
GROUP BY q.service, q.line ORDER BY q."createdAt"
""")

LIFT = statement('DELETE FROM "Quarantines" WHERE line = :line RETURNING service')


@expand_option_groups
def resume_command(
    line: Annotated[
        str | None, typer.Argument(help="companyId:whatsappId, or as the list names it.")
    ] = None,
    *,
    wait: WaitOptions,
    action: ActionOptions,
    as_json: output.JsonOption = False,
) -> None:
    """Resume a quarantined line, and replay its records; without a line, list all such lines.

    Waits for what becomes of each record, as `chatia dead-letters replay` does.

    After too many unreadable records of a line in a row, a worker stores the line's records as
    dead letters without decoding them.
    """
    settings = Settings()
    if line is None:
        _print_lines(asyncio.run(_list_quarantines(settings)), as_json=as_json)
        return
    services, ids, replayed = asyncio.run(_resume_line(settings, line, wait, action))
    if as_json:
        outcomes = dead_letter_outcomes.convert_to_json(replayed.report)
        answer = {"lifted": services, "replayed": ids, "dryRun": action.dry_run}
        output.print_json(answer | ({} if action.dry_run else {"outcomes": outcomes}))
    else:
        verb = "Would be resumed" if action.dry_run else "Resumed"
        output.print_line(
            f"{verb}: {line} in {', '.join(services) or 'no service'}; letters: {len(ids):,}."
        )
        print_report(replayed.report)
    dead_letter_outcomes.check_report(replayed.report, waited=not wait.no_wait)


def _print_lines(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(
            [row | {"createdAt": row["createdAt"].isoformat(timespec="seconds")} for row in rows]
        )
    elif not rows:
        output.print_line("No line is quarantined.")
    else:
        output.print_table(
            ("service", "line", "since", "letters", "because of"),
            [
                (
                    row["service"],
                    row["line"],
                    f"{row['createdAt']:%Y-%m-%d %H:%M:%S}",
                    row["letters"],
                    f"{row['reason']}: {row['detail']}",
                )
                for row in rows
            ],
            shrinks="because of",
        )


async def _list_quarantines(settings: Settings) -> list[dict[str, Any]]:
    async with dead_letter_store.open_transaction(settings.database) as conn:
        return [dict(row) for row in (await conn.execute(LIST)).mappings()]


async def _resume_line(
    settings: Settings, line: str, wait: WaitOptions, action: ActionOptions
) -> tuple[list[str], Sequence[int], Replayed]:
    """End the quarantine, then replay: in quarantine a replayed record is rejected again."""
    query = DeadLetterQuery(statuses=UNSETTLED, line=line, reason="quarantined")
    async with dead_letter_store.open_transaction(settings.database) as conn:
        ids = await dead_letter_store.find_oldest(conn, query) if action.dry_run else []
        selection = await dead_letter_store.measure(conn, query)
        services = await _lift_quarantine(conn, line, dry_run=action.dry_run)
    if not services and not selection.count:
        raise InvalidUsageError(
            f"The line {line} is not quarantined; `chatia resume` lists those that are."
        )
    if action.dry_run:
        return services, ids, Replayed()
    replay = Replay(query, selection, Edits(), action.operator)
    replayed = await replay_and_wait(settings, replay, wait)
    return services, replayed.ids, replayed


async def _lift_quarantine(conn: AsyncConnection, line: str, *, dry_run: bool) -> list[str]:
    if dry_run:
        rows = (await conn.execute(LIST)).mappings()
        return [row["service"] for row in rows if row["line"] == line]
    return sorted((await conn.execute(LIFT, {"line": line})).scalars())
