"""`chatia db`: migrations, seeds, roles and backups, the upkeep of a database, its problems."""

import asyncio
import os
from typing import Annotated

import typer

from shared import seeds
from shared.cli import (
    db_backup,
    db_doctor,
    db_generate,
    db_migrations,
    db_recover,
    db_sessions,
    db_size,
    db_upkeep,
    output,
)
from shared.cli.db_connection import run_in_transaction
from shared.db import roles
from shared.db.roles import ROLES

app = typer.Typer(name="db", help="The database.", no_args_is_help=True)

app.command()(db_migrations.upgrade)
app.command(context_settings={"ignore_unknown_options": True})(db_migrations.downgrade)
app.command()(db_migrations.current)
app.command()(db_migrations.history)
app.command()(db_migrations.status)
app.command()(db_migrations.repair)
app.command()(db_generate.generate)
app.command()(db_backup.backup)
app.command()(db_backup.backups)
app.command()(db_backup.restore)
app.command()(db_doctor.doctor)
app.command()(db_sessions.locks)
app.command()(db_sessions.slow)
app.command("cancel")(db_sessions.cancel_command)
app.command()(db_upkeep.reindex)
app.command()(db_upkeep.analyze)
app.command()(db_upkeep.vacuum)
app.command()(db_size.size)
app.command()(db_recover.recover)

SeedName = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="One seed by its name; without it, all.")
]


@app.command()
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


@app.command()
def unseed(name: SeedName = None) -> None:
    """Remove the rows that the seeds inserted, unless other rows refer to them."""
    for removed in asyncio.run(run_in_transaction(lambda conn: seeds.remove_seeds(conn, name))):
        output.print_line(f"{removed.seed}: {_format_count(removed.rows)} removed.")


@app.command("roles")
def roles_command() -> None:
    """Create a login role for each service and one for readers, and grant what each needs.

    ROLE_PASSWORD_TICKETS, _MESSAGES, _CONTACTS, _CAMPAIGNS and _READER set the passwords. Without
    its variable, a role keeps its password; a new role then has no password, and can log in only
    if the server does not ask for one. Run this again after every upgrade.
    """
    passwords = read_role_passwords()
    made = asyncio.run(run_in_transaction(lambda conn: roles.apply(conn, passwords)))
    output.print_table(
        ("role", "was", "password"),
        [
            (
                role.name,
                "created" if role.created else "there already",
                "set" if role.has_new_password else "as it was",
            )
            for role in made
        ],
    )


def read_role_passwords() -> dict[str, str]:
    """Return the passwords of roles from ROLE_PASSWORD_*; roles without one are left out."""
    named = {role: os.environ.get(f"ROLE_PASSWORD_{role.upper()}") for role in ROLES}
    return {role: password for role, password in named.items() if password}


def _format_count(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"
