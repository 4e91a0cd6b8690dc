"""`chatia audit`: who asked what, of the last 30 days."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import acts, known_values, output
from shared.cli.dead_letter_format import escape_unprintable
from shared.cli.errors import InvalidUsageError
from shared.cli.options import expand_option_groups, parse_time
from shared.db.bulk import statement

# Of an answer's members only these are shown; others may hold what customers wrote.
SHOWN = (
    "table", "ticketId", "contactId", "whatsappId", "messageId", "line", "lines", "user", "company",
    "status", "intervalMs", "reason",
)  # fmt: skip
COUNTED = ("inserted", "updated", "deleted")
MAX_ROWS = 2**31 - 1
MAX_LISTED = 5  # ids of dead letters in an entry

# Dead letters that a command settled in one transaction are one entry per service and company.
_ENTRIES = f"""
SELECT * FROM (
  SELECT "createdAt" AS at, service, "companyId" AS company, type AS asked, actor,
         "requestId" AS id, answer, NULL::bigint[] AS letters, NULL::bigint AS count,
         NULL::text[] AS reasons
  FROM "Requests"
  UNION ALL
  SELECT CAST(event->>'at' AS timestamptz), service, "companyId",
         'dead-letter.' || (event->>'did'), event->>'by', CAST(min(id) AS text), NULL,
         (array_agg(id ORDER BY id))[1:{MAX_LISTED}], count(*), array_agg(DISTINCT reason)
  FROM "DeadLetters", jsonb_array_elements(history) AS event
  WHERE event ? 'by'
  GROUP BY 1, 2, 3, 4, 5
) AS entry"""  # noqa: S608 - our own number

FIND = statement(f"""
{_ENTRIES}
WHERE (CAST(:company AS int) IS NULL OR company = :company)
  AND (CAST(:actor AS text) IS NULL OR actor = :actor)
  AND (CAST(:everyone AS bool) OR actor IS NOT NULL)
  AND at >= COALESCE(CAST(:since AS timestamptz), '-infinity')
  AND at < COALESCE(CAST(:until AS timestamptz), 'infinity')
ORDER BY at DESC, id DESC
LIMIT :limit
""")

ACTOR_EXISTS = statement(f"SELECT EXISTS ({_ENTRIES} WHERE actor = :actor)")


@dataclass(frozen=True, slots=True)
class Query:
    """Options that select entries; None does not limit."""

    company: Annotated[
        int | None, typer.Option(min=0, max=acts.MAX_ID, help="Of this company; 0: the platform.")
    ] = None
    actor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Asked by this one, such as `user 5`.")
    ] = None
    everyone: Annotated[
        bool, typer.Option("--all", help="Also requests that do not say who asked.")
    ] = False
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="At this time or later, in ISO 8601."),
    ] = None
    until: Annotated[
        datetime | None, typer.Option(parser=parse_time, metavar="TIME", help="Before this time.")
    ] = None
    limit: Annotated[int, typer.Option(min=1, max=MAX_ROWS, help="The newest so many.")] = 50


@expand_option_groups
def audit(*, query: Query, as_json: output.JsonOption = False) -> None:
    """List who asked what: answered requests, and what operators did, the newest first.

    Answered requests are kept for 30 days. Rejected ones are dead letters.
    """
    entries = asyncio.run(_load(query))
    if as_json:
        output.print_json([_convert_to_json(entry) for entry in entries])
        return
    output.print_table(
        ("at", "actor", "company", "asked", "of", "about"),
        [_build_row(entry) for entry in entries],
        shrinks="about",
        optional=("of",),
    )


async def _load(query: Query) -> list[dict[str, Any]]:
    async with acts.open_transaction() as conn:
        if query.company:
            await known_values.check_company(conn, query.company)
        if query.actor is not None:
            await _check_actor(conn, query.actor)
        rows = await conn.execute(FIND, asdict(query))
        return [dict(row) for row in rows.mappings()]


async def _check_actor(conn: AsyncConnection, actor: str) -> None:
    if not await conn.scalar(ACTOR_EXISTS, {"actor": actor}):
        raise InvalidUsageError(
            f"Nothing of the last 30 days was asked by {actor}. An actor is named as in the "
            "request, and a user as `user 5`."
        )


def _build_row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        f"{entry['at']:%Y-%m-%d %H:%M:%S}",
        escape_unprintable(entry["actor"] or "-"),
        "-" if entry["company"] is None else str(entry["company"]),
        entry["asked"] or "-",
        entry["service"],
        escape_unprintable("; ".join(_describe_facts(entry))),
    )


def _convert_to_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: entry[name] for name in ("actor", "company", "asked", "service", "id")}
    return {"at": entry["at"].isoformat(), **named, "about": list(_describe_facts(entry))}


def _describe_facts(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield each answer: its type and what it is about, such as `record.saved table=Tags`.

    Of dead letters it is how many, for which reasons, and the first ids.
    """
    if entry["letters"]:
        more = ", …" if entry["count"] > len(entry["letters"]) else ""
        noun = "letter" if entry["count"] == 1 else "letters"
        ids = ", ".join(map(str, entry["letters"]))
        yield f"{entry['count']} {noun} ({', '.join(entry['reasons'])}): {ids}{more}"
    for fact in entry["answer"] or ():
        data = fact["data"]
        words = [f"{name}={data[name]}" for name in SHOWN if data.get(name) is not None]
        words += [f"{name}={_count_rows(data[name])}" for name in COUNTED if data.get(name)]
        yield " ".join([_shorten(fact["type"]), *words])


def _count_rows(keys: Mapping[str, Sequence[Any]]) -> int:
    return sum(map(len, keys.values()))


def _shorten(ce_type: str) -> str:
    return ce_type.removeprefix("chatia.").removesuffix(".v1")
