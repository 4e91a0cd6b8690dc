"""`chatia db seed` and `unseed`: the first rows of a new database."""

import asyncio
import os
from typing import Annotated

import typer

from shared import seeds
from shared.cli import output
from shared.cli.db_connection import run_in_transaction

SeedName = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="One seed by its name; without it, all.")
]


def seed(name: SeedName = None) -> None:
    """Insert the first rows; existing rows do not change.

    The administrator's password is that of ADMIN_PASSWORD, else a random one, shown once.
    """
    password = os.environ.get("ADMIN_PASSWORD") or None
    for inserted in asyncio.run(
        run_in_transaction(lambda conn: seeds.insert_seeds(conn, name, password=password))
    ):
        output.print_line(f"{inserted.seed}: {_format_count(inserted.rows)} inserted.")
        if inserted.password:
            output.print_line(f"The password of admin@admin.com is {inserted.password}")


def unseed(name: SeedName = None) -> None:
    """Remove the rows that the seeds inserted, unless other rows refer to them."""
    for removed in asyncio.run(run_in_transaction(lambda conn: seeds.remove_seeds(conn, name))):
        output.print_line(f"{removed.seed}: {_format_count(removed.rows)} removed.")


def _format_count(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"
