"""`chatia resume`: which lines are quarantined, and reading them again."""

import asyncio
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import letters, output
from shared.cli.errors import WrongUsage
from shared.cli.letter_options import Act
from shared.cli.options import grouped
from shared.cli.replaying import Mending, check_topics, put_back
from shared.db.bulk import statement
from shared.settings import Settings

LIST = statement("""
SELECT q.service, q.line, q."createdAt", q.reason, q.detail, count(l.id) AS letters
FROM "Quarantines" q
LEFT JOIN "DeadLetters" l ON l.service = q.service AND l.line = q.line
  AND l.reason = 'quarantined' AND l.status IN ('open', 'replayed')
GROUP BY q.service, q.line ORDER BY q."createdAt"
""")

LETTERS = statement("""
SELECT id, topic FROM "DeadLetters"
WHERE line = :line AND reason = 'quarantined' AND status IN ('open', 'replayed') ORDER BY id
""")

LIFT = statement('DELETE FROM "Quarantines" WHERE line = :line RETURNING service')


@grouped
def resume_command(
    line: Annotated[
        str | None, typer.Argument(help="companyId:whatsappId, or as the list names it.")
    ] = None,
    *,
    act: Act,
    as_json: output.JsonOption = False,
) -> None:
    """Read a quarantined line again, and replay what came meanwhile; alone it lists the lines.

    A worker that met too many unreadable records of a line in a row keeps the line's records as
    dead letters without trying them.
    """
    settings = Settings()
    if line is None:
        _show(asyncio.run(_listed(settings)), as_json=as_json)
        return
    services, waiting = asyncio.run(_resumed(settings, line, act))
    if as_json:
        output.say_json({"lifted": services, "replayed": waiting, "dryRun": act.dry_run})
        return
    verb = "Would be resumed" if act.dry_run else "Resumed"
    output.say(
        f"{verb}: {line} in {', '.join(services) or 'no service'}; letters: {len(waiting):,}."
    )


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.say_json(
            [row | {"createdAt": row["createdAt"].isoformat(timespec="seconds")} for row in rows]
        )
    elif not rows:
        output.say("No line is quarantined.")
    else:
        output.show_table(
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


async def _listed(settings: Settings) -> list[dict[str, Any]]:
    async with letters.transaction(settings.database) as conn:
        return [dict(row) for row in (await conn.execute(LIST)).mappings()]


async def _resumed(settings: Settings, line: str, act: Act) -> tuple[list[str], list[int]]:
    """Lift first: a letter that is replayed to a quarantined line would only come back."""
    async with letters.transaction(settings.database) as conn:
        found = await conn.execute(LETTERS, {"line": line})
        waiting = {row.id: row.topic for row in found}
        services = await _lifted(conn, line, dry_run=act.dry_run)
    if not services and not waiting:
        raise WrongUsage(
            f"The line {line} is not quarantined; `chatia resume` lists those that are."
        )
    if act.dry_run or not waiting:
        return services, list(waiting)
    await check_topics(settings.kafka, waiting.values())
    with output.progress_bar() as bar:
        task = bar.add_task("Replaying", total=len(waiting))
        replayed = await put_back(
            settings, list(waiting), Mending(), act.who, lambda more: bar.advance(task, more)
        )
    return services, replayed


async def _lifted(conn: AsyncConnection, line: str, *, dry_run: bool) -> list[str]:
    if dry_run:
        rows = (await conn.execute(LIST)).mappings()
        return [row["service"] for row in rows if row["line"] == line]
    return sorted((await conn.execute(LIFT, {"line": line})).scalars())
