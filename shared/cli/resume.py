"""`chatia resume`: lists quarantined lines, and ends a quarantine."""

import asyncio
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import dead_letter_store, output
from shared.cli.dead_letter_options import ActionOptions
from shared.cli.dead_letter_replay import Edits, check_topics, replay_dead_letters
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

QUARANTINED = statement("""
SELECT id, topic FROM "DeadLetters"
WHERE line = :line AND reason = 'quarantined' AND status IN ('open', 'replayed') ORDER BY id
""")

LIFT = statement('DELETE FROM "Quarantines" WHERE line = :line RETURNING service')


@expand_option_groups
def resume_command(
    line: Annotated[
        str | None, typer.Argument(help="companyId:whatsappId, or as the list names it.")
    ] = None,
    *,
    action: ActionOptions,
    as_json: output.JsonOption = False,
) -> None:
    """Resume a quarantined line, and replay its records; without a line, list all such lines.

    After too many unreadable records of a line in a row, a worker stores the line's records as
    dead letters without decoding them.
    """
    settings = Settings()
    if line is None:
        _print_lines(asyncio.run(_list_quarantines(settings)), as_json=as_json)
        return
    services, dead_letters = asyncio.run(_resume_line(settings, line, action))
    if as_json:
        output.print_json({"lifted": services, "replayed": dead_letters, "dryRun": action.dry_run})
        return
    verb = "Would be resumed" if action.dry_run else "Resumed"
    output.print_line(
        f"{verb}: {line} in {', '.join(services) or 'no service'}; letters: {len(dead_letters):,}."
    )


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
        )


async def _list_quarantines(settings: Settings) -> list[dict[str, Any]]:
    async with dead_letter_store.open_transaction(settings.database) as conn:
        return [dict(row) for row in (await conn.execute(LIST)).mappings()]


async def _resume_line(
    settings: Settings, line: str, action: ActionOptions
) -> tuple[list[str], list[int]]:
    """End the quarantine, then replay: in quarantine a replayed record is rejected again."""
    async with dead_letter_store.open_transaction(settings.database) as conn:
        rows = await conn.execute(QUARANTINED, {"line": line})
        dead_letters = {row.id: row.topic for row in rows}
        services = await _lift_quarantine(conn, line, dry_run=action.dry_run)
    if not services and not dead_letters:
        raise InvalidUsageError(
            f"The line {line} is not quarantined; `chatia resume` lists those that are."
        )
    if action.dry_run or not dead_letters:
        return services, list(dead_letters)
    await check_topics(settings.kafka, dead_letters.values())
    with output.build_progress_bar() as bar:
        task = bar.add_task("Replaying", total=len(dead_letters))
        replayed = await replay_dead_letters(
            settings,
            list(dead_letters),
            Edits(),
            action.operator,
            lambda more: bar.advance(task, more),
        )
    return services, replayed


async def _lift_quarantine(conn: AsyncConnection, line: str, *, dry_run: bool) -> list[str]:
    if dry_run:
        rows = (await conn.execute(LIST)).mappings()
        return [row["service"] for row in rows if row["line"] == line]
    return sorted((await conn.execute(LIFT, {"line": line})).scalars())
