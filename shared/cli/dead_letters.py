"""`chatia dead-letters`: list, show, edit, replay and discard dead letters."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import dead_letter_format, dead_letter_store, output
from shared.cli.dead_letter_options import (
    MAX_INT,
    ActionOptions,
    EditOptions,
    Filters,
    IdArgument,
    IdsArgument,
    OptionalIdsArgument,
    Status,
)
from shared.cli.dead_letter_replay import Edits, check_topics, replay_dead_letters
from shared.cli.dead_letter_store import RecordContent
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.cli.options import expand_option_groups
from shared.delivery.kafka.record import TOO_LARGE
from shared.settings import Settings

DEFAULT_LIMIT = 50
MAX_LISTED_IDS = 20  # ids in a sentence
UNSETTLED = (Status.OPEN, Status.REPLAYED)

app = typer.Typer(
    name="dead-letters", help="Records that could not take effect.", no_args_is_help=True
)


@app.command("list")
@expand_option_groups
def list_command(*, filters: Filters, as_json: output.JsonOption = False) -> None:
    """List dead letters, the newest first; by default those that are open or replayed."""
    dead_letters, total = asyncio.run(_list(Settings(), filters))
    if as_json:
        output.print_json(
            [dead_letter_format.convert_to_json(dead_letter) for dead_letter in dead_letters]
        )
    else:
        output.print_table(
            dead_letter_format.COLUMNS, map(dead_letter_format.build_row, dead_letters)
        )
    if total > len(dead_letters):
        output.print_error(f"Shown: {len(dead_letters):,} of {total:,}; --limit shows more.")


@app.command("show")
def show_command(
    dead_letter_id: IdArgument,
    *,
    company: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_INT, help="Only if it is this company's."),
    ] = None,
    body: Annotated[
        bool, typer.Option("--body", help="Only the body, unchanged, so that it can be edited.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Show a dead letter: its record, its reason and its history."""
    dead_letter, content = asyncio.run(_load_dead_letter(Settings(), dead_letter_id, company))
    if body:
        typer.echo(content.body or b"", nl=False)
    elif as_json:
        output.print_json(
            dead_letter_format.convert_to_json(dead_letter)
            | dead_letter_format.convert_content_to_json(content)
        )
    else:
        for line in dead_letter_format.format_page(dead_letter, content):
            output.print_line(line)


@app.command("replay")
@expand_option_groups
def replay_command(
    ids: OptionalIdsArgument = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Replay all that match the filters.")
    ] = False,
    filters: Filters,
    edit_options: EditOptions,
    action: ActionOptions,
    as_json: output.JsonOption = False,
) -> None:
    """Publish dead letters on their topics again, for the one service that rejected them.

    Each takes effect once, even if it is replayed several times; if it fails, it is open again.
    """
    settings = Settings()
    if bool(ids) == (everything or filters != Filters()):
        raise InvalidUsageError("Say which letters: by their ids, or by filters and --all.")
    if edit_options.edit and len(set(ids or ())) != 1:
        raise InvalidUsageError("--edit is for one letter, named by its id.")
    edits = edit_options.read()
    dead_letters = asyncio.run(_load_replayable(settings, sorted(set(ids or ())), filters, edits))
    unsettled = [i for i, dead_letter in dead_letters.items() if dead_letter["status"] in UNSETTLED]
    if not (ids or everything or action.dry_run):
        raise InvalidUsageError(
            f"This would replay {len(unsettled):,} letters: add --all to say yes."
        )
    if not action.dry_run and unsettled:
        topics = {dead_letters[i]["topic"] for i in unsettled}
        unsettled = asyncio.run(_replay(settings, topics, unsettled, edits, action.operator))
    _print_result("replayed", unsettled, dead_letters, action, as_json=as_json)


@app.command("discard")
@expand_option_groups
def discard_command(
    ids: IdsArgument, *, action: ActionOptions, as_json: output.JsonOption = False
) -> None:
    """Discard dead letters: they can still be shown, but not replayed."""
    settings = Settings()
    dead_letters = asyncio.run(_load_discardable(settings, sorted(set(ids))))
    unsettled = [i for i, dead_letter in dead_letters.items() if dead_letter["status"] in UNSETTLED]
    if not action.dry_run and unsettled:
        unsettled = asyncio.run(_discard(settings, unsettled, action.operator))
    _print_result("discarded", unsettled, dead_letters, action, as_json=as_json)


async def _list(settings: Settings, filters: Filters) -> tuple[list[dict[str, Any]], int]:
    query = filters.build_query(settings, default_statuses=UNSETTLED)
    if query.limit is None:
        query = replace(query, limit=DEFAULT_LIMIT)
    async with dead_letter_store.open_read_transaction(settings.database, query.company) as conn:
        ids, total = await dead_letter_store.find_ids(conn, query, newest_first=True)
        dead_letters = await dead_letter_store.load_details(conn, ids)
    return [dead_letters[i] for i in ids], total


async def _load_dead_letter(
    settings: Settings, dead_letter_id: int, company: int | None
) -> tuple[dict[str, Any], RecordContent]:
    async with dead_letter_store.open_read_transaction(settings.database, company) as conn:
        dead_letter = (await _load_existing(conn, [dead_letter_id]))[dead_letter_id]
        if company not in {None, dead_letter["companyId"]}:  # needed where no readers' login is set
            raise InvalidUsageError(f"There is no dead letter {dead_letter_id}.")
        return dead_letter, await dead_letter_store.load_content(conn, dead_letter_id)


async def _load_existing(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    dead_letters = await dead_letter_store.load_details(conn, ids)
    missing = [i for i in ids if i not in dead_letters]
    if missing:
        raise InvalidUsageError(f"There is no dead letter {_format_ids(missing)}.")
    return dead_letters


async def _load_replayable(
    settings: Settings, ids: Sequence[int], filters: Filters, edits: Edits
) -> dict[int, dict[str, Any]]:
    if filters.status and filters.status not in UNSETTLED:
        raise InvalidUsageError("Only letters that are open or replayed can be replayed.")
    async with dead_letter_store.open_transaction(settings.database) as conn:
        if not ids:
            ids, _ = await dead_letter_store.find_ids(
                conn, filters.build_query(settings, default_statuses=(Status.OPEN,))
            )
        dead_letters = await _load_existing(conn, ids)
        if of_deleted_tenants := await dead_letter_store.find_of_deleted_tenants(conn, ids):
            raise RefusedError(
                "Nothing is replayed: the company is deleted, or is being deleted, of dead letter "
                f"{_format_ids(of_deleted_tenants)}."
            )
        if edits.body is None and (blanked := await dead_letter_store.find_blanked(conn, ids)):
            raise RefusedError(
                "Nothing is replayed: secrets were blanked, and --edit has to give them anew, in "
                f"dead letter {_format_ids(blanked)}."
            )
    without_body = [
        i for i, dead_letter in dead_letters.items() if dead_letter["reason"] == TOO_LARGE
    ]
    if edits.body is None and without_body:
        raise RefusedError(
            "Nothing is replayed: the body was too large to be kept, and --edit has to give one, "
            f"in dead letter {_format_ids(without_body)}."
        )
    return _refuse_status(Status.DISCARDED, dead_letters)


async def _load_discardable(settings: Settings, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    async with dead_letter_store.open_transaction(settings.database) as conn:
        return _refuse_status(Status.RESOLVED, await _load_existing(conn, ids))


def _refuse_status(
    settled: Status, dead_letters: dict[int, dict[str, Any]]
) -> dict[int, dict[str, Any]]:
    refused = [i for i, dead_letter in dead_letters.items() if dead_letter["status"] == settled]
    if refused:
        raise RefusedError(
            f"Already {settled}, so nothing was done: dead letter {_format_ids(refused)}."
        )
    return dead_letters


async def _replay(
    settings: Settings, topics: Iterable[str], ids: Sequence[int], edits: Edits, by: str
) -> list[int]:
    await check_topics(settings.kafka, topics)
    with output.build_progress_bar() as bar:
        task = bar.add_task("Replaying", total=len(ids))
        return await replay_dead_letters(
            settings, ids, edits, by, lambda more: bar.advance(task, more)
        )


async def _discard(settings: Settings, ids: Sequence[int], by: str) -> list[int]:
    async with dead_letter_store.open_transaction(settings.database) as conn:
        return await dead_letter_store.mark_discarded(conn, ids, by)


def _print_result(
    verb: str,
    done: Sequence[int],
    dead_letters: Iterable[int],
    action: ActionOptions,
    *,
    as_json: bool,
) -> None:
    settled = sorted(set(dead_letters) - set(done))
    if as_json:
        output.print_json({verb: list(done), "settledBefore": settled, "dryRun": action.dry_run})
        return
    sentence_verb = f"Would be {verb}" if action.dry_run else verb.capitalize()
    named = f" ({_format_ids(done)})" if done else ""
    before = f" Settled before: {_format_ids(settled)}." if settled else ""
    output.print_line(f"{sentence_verb}: {len(done):,}{named}.{before}")


def _format_ids(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - MAX_LISTED_IDS:,} more" if len(ids) > MAX_LISTED_IDS else ""
    return ", ".join(map(str, ids[:MAX_LISTED_IDS])) + more
