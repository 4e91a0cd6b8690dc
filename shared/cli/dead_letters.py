"""`chatia dead-letters`: what could not take effect, to be read, mended, replayed or given up."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import letters, output, showing
from shared.cli.errors import Refused, WrongUsage
from shared.cli.letter_options import (
    LARGEST_NUMBER,
    Act,
    Filters,
    Mended,
    NoIds,
    OneId,
    SomeIds,
    Status,
)
from shared.cli.letters import Content
from shared.cli.options import grouped
from shared.cli.replaying import Mending, check_topics, put_back
from shared.delivery.decode import TOO_LARGE
from shared.settings import Settings

USUAL_LIMIT = 50
MOST_NAMED = 20  # ids in a sentence
UNSETTLED = (Status.OPEN, Status.REPLAYED)

app = typer.Typer(
    name="dead-letters", help="Records that could not take effect.", no_args_is_help=True
)


@app.command("list")
@grouped
def list_command(*, filters: Filters, as_json: output.JsonOption = False) -> None:
    """List letters, the newest first; without --status those that are not settled."""
    found, total = asyncio.run(_listed(Settings(), filters))
    if as_json:
        output.say_json([showing.jsonable(letter) for letter in found])
    else:
        output.show_table(showing.COLUMNS, map(showing.row, found))
    if total > len(found):
        output.complain(f"Shown: {len(found):,} of {total:,}; --limit shows more.")


@app.command("show")
def show_command(
    letter_id: OneId,
    *,
    company: Annotated[
        int | None,
        typer.Option(min=0, max=LARGEST_NUMBER, help="Only if it is this company's."),
    ] = None,
    body: Annotated[
        bool, typer.Option("--body", help="Only the body, byte for byte, to be edited.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Show a letter: the record, why it is dead, and what was done about it."""
    letter, content = asyncio.run(_shown(Settings(), letter_id, company))
    if body:
        typer.echo(content.body or b"", nl=False)
    elif as_json:
        output.say_json(showing.jsonable(letter) | showing.jsonable_content(content))
    else:
        for line in showing.page(letter, content):
            output.say(line)


@app.command("replay")
@grouped
def replay_command(
    ids: NoIds = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Yes, all that the filters leave.")
    ] = False,
    filters: Filters,
    mended: Mended,
    act: Act,
    as_json: output.JsonOption = False,
) -> None:
    """Put letters back on their topics, for the one service that refused them.

    Each takes effect once, however often it is replayed; one that fails again is open again.
    """
    settings = Settings()
    if bool(ids) == (everything or filters != Filters()):
        raise WrongUsage("Say which letters: by their ids, or by filters and --all.")
    if mended.edit and len(set(ids or ())) != 1:
        raise WrongUsage("--edit is for one letter, named by its id.")
    mending = mended.read()
    states = asyncio.run(_replayable(settings, sorted(set(ids or ())), filters, mending))
    waiting = [i for i, letter in states.items() if letter["status"] in UNSETTLED]
    if not (ids or everything or act.dry_run):
        raise WrongUsage(f"This would replay {len(waiting):,} letters: add --all to say yes.")
    if not act.dry_run and waiting:
        topics = {states[i]["topic"] for i in waiting}
        waiting = asyncio.run(_put_back(settings, topics, waiting, mending, act.who))
    _tell("replayed", waiting, states, act, as_json=as_json)


@app.command("discard")
@grouped
def discard_command(ids: SomeIds, *, act: Act, as_json: output.JsonOption = False) -> None:
    """Give letters up for good: they stay readable and are replayed no more."""
    settings = Settings()
    states = asyncio.run(_discardable(settings, sorted(set(ids))))
    waiting = [i for i, letter in states.items() if letter["status"] in UNSETTLED]
    if not act.dry_run and waiting:
        waiting = asyncio.run(_discarded(settings, waiting, act.who))
    _tell("discarded", waiting, states, act, as_json=as_json)


async def _listed(settings: Settings, filters: Filters) -> tuple[list[dict[str, Any]], int]:
    query = filters.query(settings, usual=UNSETTLED)
    if query.limit is None:
        query = replace(query, limit=USUAL_LIMIT)
    async with letters.reading(settings.database, query.company) as conn:
        ids, total = await letters.find(conn, query, newest_first=True)
        found = await letters.describe(conn, ids)
    return [found[i] for i in ids], total


async def _shown(
    settings: Settings, letter_id: int, company: int | None
) -> tuple[dict[str, Any], Content]:
    async with letters.reading(settings.database, company) as conn:
        letter = (await _known(conn, [letter_id]))[letter_id]
        if company not in {None, letter["companyId"]}:  # where no reader's login is set
            raise WrongUsage(f"There is no dead letter {letter_id}.")
        return letter, await letters.content(conn, letter_id)


async def _known(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    found = await letters.describe(conn, ids)
    missing = [i for i in ids if i not in found]
    if missing:
        raise WrongUsage(f"There is no dead letter {_named(missing)}.")
    return found


async def _replayable(
    settings: Settings, ids: Sequence[int], filters: Filters, mending: Mending
) -> dict[int, dict[str, Any]]:
    if filters.status and filters.status not in UNSETTLED:
        raise WrongUsage("Only letters that are open or replayed can be replayed.")
    async with letters.transaction(settings.database) as conn:
        if not ids:
            ids, _ = await letters.find(conn, filters.query(settings, usual=(Status.OPEN,)))
        found = await _known(conn, ids)
        if leaving := await letters.of_leaving(conn, ids):
            raise Refused(
                "Nothing is replayed: the company is deleted, or is being deleted, of dead letter "
                f"{_named(leaving)}."
            )
        if mending.body is None and (blanked := await letters.without_secrets(conn, ids)):
            raise Refused(
                "Nothing is replayed: secrets were blanked, and --edit has to give them anew, in "
                f"dead letter {_named(blanked)}."
            )
    without_body = [i for i, letter in found.items() if letter["reason"] == TOO_LARGE]
    if mending.body is None and without_body:
        raise Refused(
            "Nothing is replayed: the body was too large to be kept, and --edit has to give one, "
            f"in dead letter {_named(without_body)}."
        )
    return _unless(Status.DISCARDED, found)


async def _discardable(settings: Settings, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    async with letters.transaction(settings.database) as conn:
        return _unless(Status.RESOLVED, await _known(conn, ids))


def _unless(settled: Status, found: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    refused = [i for i, letter in found.items() if letter["status"] == settled]
    if refused:
        raise Refused(f"Already {settled}, so nothing was done: dead letter {_named(refused)}.")
    return found


async def _put_back(
    settings: Settings, topics: Iterable[str], ids: Sequence[int], mending: Mending, by: str
) -> list[int]:
    await check_topics(settings.kafka, topics)
    with output.progress_bar() as bar:
        task = bar.add_task("Replaying", total=len(ids))
        return await put_back(settings, ids, mending, by, lambda more: bar.advance(task, more))


async def _discarded(settings: Settings, ids: Sequence[int], by: str) -> list[int]:
    async with letters.transaction(settings.database) as conn:
        return await letters.discard(conn, ids, by)


def _tell(did: str, done: Sequence[int], found: Iterable[int], act: Act, *, as_json: bool) -> None:
    settled = sorted(set(found) - set(done))
    if as_json:
        output.say_json({did: list(done), "settledBefore": settled, "dryRun": act.dry_run})
        return
    verb = f"Would be {did}" if act.dry_run else did.capitalize()
    named = f" ({_named(done)})" if done else ""
    before = f" Settled before: {_named(settled)}." if settled else ""
    output.say(f"{verb}: {len(done):,}{named}.{before}")


def _named(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - MOST_NAMED:,} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(map(str, ids[:MOST_NAMED])) + more
