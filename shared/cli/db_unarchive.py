"""`chatia db unarchive`: brings back what a purge has archived."""

import asyncio
import re
from typing import Annotated

import typer

from shared.archive.unarchive import Unarchived, unarchive
from shared.cli import output
from shared.cli.acts import CompanyOption
from shared.cli.db_backup import explain_backup_errors
from shared.cli.db_connection import run_with_database
from shared.cli.errors import InvalidUsageError

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def unarchive_command(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder or bucket.")],
    *,
    company: CompanyOption,
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="The month, such as 2025-03.")],
    as_json: output.JsonOption = False,
) -> None:
    """Bring back the messages and tickets of a company and month, exactly as they were.

    All is one transaction: if a row cannot be brought back, none is.
    """
    if MONTH.fullmatch(month) is None:
        raise InvalidUsageError(f"{month!r} is not a month such as 2025-03.")
    with explain_backup_errors():
        done = asyncio.run(run_with_database(lambda url: unarchive(url, folder, company, month)))
    if as_json:
        output.print_json(
            [
                {"where": each.where, "rows": dict(each.rows), "differences": each.differences}
                for each in done
            ]
        )
        return
    for each in done:
        _print(each)
    days = next((each.limit_days for each in done if each.limit_days is not None), None)
    if days is not None:
        output.print_error(
            f"The company keeps messages for {days} days: what is older is deleted again at the "
            "next daily purge. Set messageRetentionDays higher, or to NULL."
        )


def _print(each: Unarchived) -> None:
    output.print_line(f"Brought back {sum(each.rows.values())} rows: {each.where}")
    if not each.differences:
        output.print_line("Counts and checksums are those of the archive.")
    for difference in each.differences:
        output.print_line(f"Different from the archive: {difference}.")
