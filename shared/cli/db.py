"""`chatia db`: migrations, seeds and roles of a database."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar

import asyncpg
import typer
from alembic.util import CommandError as MigrationError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared import seeds
from shared.cli import db_errors, output
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.db import migrations, roles
from shared.db.roles import ROLES
from shared.seeds.rows import SeedError
from shared.settings import DatabaseSettings

T = TypeVar("T")

ATTEMPTS = 6
SECONDS_BETWEEN_ATTEMPTS = 1.0

app = typer.Typer(name="db", help="The database.", no_args_is_help=True)

SeedName = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="One seed by its name; without it, all.")
]


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="How far; by default all the way.")] = "head",
) -> None:
    """Apply the migrations that the database does not have yet."""
    before, after = asyncio.run(
        _run_with_database(lambda url: _migrate(url, migrations.upgrade, revision))
    )
    output.print_line(_describe_move(before, after))


@app.command(context_settings={"ignore_unknown_options": True})
def downgrade(
    revision: Annotated[str, typer.Argument(help="The target migration, or `-1` or `base`.")],
) -> None:
    """Undo migrations; the tables that they created are dropped, with their rows."""
    before, after = asyncio.run(
        _run_with_database(lambda url: _migrate(url, migrations.downgrade, revision))
    )
    output.print_line(_describe_move(before, after))


@app.command()
def current(*, as_json: output.JsonOption = False) -> None:
    """Show the current migration of the database."""
    steps = asyncio.run(_run_with_database(migrations.list_history))
    at = max((step.revision for step in steps if step.applied), default=None)
    pending = sum(not step.applied for step in steps)
    if as_json:
        output.print_json({"revision": at, "pending": pending})
    elif pending:
        output.print_line(f"{at or 'Nothing applied'}; {pending} to come: run `chatia db upgrade`.")
    else:
        output.print_line(f"{at}; nothing is missing.")


@app.command()
def history(*, as_json: output.JsonOption = False) -> None:
    """List all migrations, the first one first."""
    steps = asyncio.run(_run_with_database(migrations.list_history))
    if as_json:
        output.print_json(
            [
                {"revision": step.revision, "says": step.title, "applied": step.applied}
                for step in steps
            ]
        )
        return
    output.print_table(
        ("revision", "what it makes", "applied"),
        [(step.revision, step.title, "yes" if step.applied else "no") for step in steps],
    )


@app.command()
def seed(name: SeedName = None) -> None:
    """Insert the first rows; existing rows do not change.

    The administrator's password is that of ADMIN_PASSWORD, else a random one, shown once.
    """
    password = os.environ.get("ADMIN_PASSWORD") or None
    for inserted in asyncio.run(
        _run_in_transaction(lambda conn: seeds.insert_seeds(conn, name, password=password))
    ):
        output.print_line(f"{inserted.seed}: {_format_count(inserted.rows)} inserted.")
        if inserted.password:
            output.print_line(f"The password of admin@admin.com is {inserted.password}")


@app.command()
def unseed(name: SeedName = None) -> None:
    """Remove the rows that the seeds inserted, unless other rows refer to them."""
    for removed in asyncio.run(_run_in_transaction(lambda conn: seeds.remove_seeds(conn, name))):
        output.print_line(f"{removed.seed}: {_format_count(removed.rows)} removed.")


@app.command("roles")
def roles_command() -> None:
    """Create a login role for each service and one for readers, and grant what each needs.

    ROLE_PASSWORD_TICKETS, _MESSAGES, _CONTACTS, _CAMPAIGNS and _READER set the passwords. Without
    its variable, a role keeps its password; a new role then has no password, and can log in only
    if the server does not ask for one. Run this again after every upgrade.
    """
    passwords = read_role_passwords()
    made = asyncio.run(_run_in_transaction(lambda conn: roles.apply(conn, passwords)))
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


async def _migrate(
    url: str, move: Callable[[str, str], Awaitable[None]], revision: str
) -> tuple[str | None, str | None]:
    before = await migrations.read_current(url)
    await move(url, revision)
    return before, await migrations.read_current(url)


def _describe_move(before: str | None, after: str | None) -> str:
    if before == after:
        return f"Nothing to do: the schema is at {after or 'its beginning'}."
    return f"The schema went from {before or 'its beginning'} to {after or 'its beginning'}."


def _format_count(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


async def _run_in_transaction(action: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.begin() as conn:
            return await action(conn)

    return await _run_with_database(run)


async def _run_with_database(action: Callable[[str], Awaitable[T]]) -> T:
    """Wait for the database, run an action on its URL, and explain its errors."""
    url = DatabaseSettings().url
    async with explain_errors():
        await _wait_for_database(url)
        return await action(url)


@asynccontextmanager
async def explain_errors() -> AsyncIterator[None]:
    """Convert errors of migrations, seeds, roles and the database to errors of commands."""
    try:
        async with db_errors.explain_database_errors():
            yield
    except MigrationError as error:
        raise InvalidUsageError(f"{error}: see `chatia db history`.") from error
    except (seeds.UnknownSeedError, roles.UnusablePasswordError) as error:
        raise InvalidUsageError(str(error)) from error
    except (SeedError, seeds.InUseError, roles.RoleNameTooLongError) as error:
        raise RefusedError(str(error)) from error


async def _wait_for_database(url: str) -> None:
    """Try to connect for a few seconds, because a server that is starting refuses at first."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            connection = await asyncpg.connect(
                url.replace("postgresql+asyncpg://", "postgresql://", 1),
                timeout=migrations.CONNECT_TIMEOUT_SECONDS,
            )
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError):
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS)
        else:
            await connection.close()
            return
