"""`chatia dead-letters`: list, show and count dead letters; replay and discard them."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import typer

from shared.cli import (
    dead_letter_actions,
    dead_letter_format,
    dead_letter_store,
    dead_letter_summary,
    known_values,
    output,
)
from shared.cli.dead_letter_actions import UNSETTLED, load_existing
from shared.cli.dead_letter_options import MAX_INT, Filters, IdArgument
from shared.cli.dead_letter_store import RecordContent
from shared.cli.errors import InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.settings import Settings

DEFAULT_LIMIT = 50

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
            dead_letter_format.COLUMNS,
            map(dead_letter_format.build_row, dead_letters),
            shrinks="detail",
            optional=dead_letter_format.OPTIONAL_COLUMNS,
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


app.command("summary")(dead_letter_summary.summary_command)
app.command("replay")(dead_letter_actions.replay_command)
app.command("discard")(dead_letter_actions.discard_command)


async def _list(settings: Settings, filters: Filters) -> tuple[list[dict[str, Any]], int]:
    query = filters.build_query(settings, default_statuses=UNSETTLED)
    if query.limit is None:
        query = replace(query, limit=DEFAULT_LIMIT)
    async with dead_letter_store.open_read_transaction(settings.database, query.company) as conn:
        await filters.check(conn, settings)
        ids, total = await dead_letter_store.find_newest(conn, query)
        dead_letters = await dead_letter_store.load_details(conn, ids)
    return [dead_letters[i] for i in ids], total


async def _load_dead_letter(
    settings: Settings, dead_letter_id: int, company: int | None
) -> tuple[dict[str, Any], RecordContent]:
    async with dead_letter_store.open_read_transaction(settings.database, company) as conn:
        if company is not None:
            await known_values.check_company(conn, company, has_letters=True)
        dead_letter = (await load_existing(conn, [dead_letter_id]))[dead_letter_id]
        if company not in {None, dead_letter["companyId"]}:  # needed where no readers' login is set
            raise InvalidUsageError(f"There is no dead letter {dead_letter_id}.")
        return dead_letter, await dead_letter_store.load_content(conn, dead_letter_id)
