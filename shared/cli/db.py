"""`chatia db`: the schema's versions, the first rows and the roles of a database."""

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
from shared.cli.errors import Refused, WrongUsage
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
    before, after = asyncio.run(_reached(lambda url: _migrated(url, migrations.upgrade, revision)))
    output.say(_moved(before, after))


@app.command(context_settings={"ignore_unknown_options": True})
def downgrade(
    revision: Annotated[str, typer.Argument(help="Back to which one; `-1` or `base` as well.")],
) -> None:
    """Undo migrations; the tables that they made go, with their rows."""
    before, after = asyncio.run(
        _reached(lambda url: _migrated(url, migrations.downgrade, revision))
    )
    output.say(_moved(before, after))


@app.command()
def current(*, as_json: output.JsonOption = False) -> None:
    """Tell which migration the database stands at."""
    steps = asyncio.run(_reached(migrations.history))
    at = max((step.revision for step in steps if step.applied), default=None)
    pending = sum(not step.applied for step in steps)
    if as_json:
        output.say_json({"revision": at, "pending": pending})
    elif pending:
        output.say(f"{at or 'Nothing applied'}; {pending} to come: run `chatia db upgrade`.")
    else:
        output.say(f"{at}; nothing is missing.")


@app.command()
def history(*, as_json: output.JsonOption = False) -> None:
    """List the migrations from the first on."""
    steps = asyncio.run(_reached(migrations.history))
    if as_json:
        output.say_json(
            [
                {"revision": step.revision, "says": step.says, "applied": step.applied}
                for step in steps
            ]
        )
        return
    output.show_table(
        ("revision", "what it makes", "applied"),
        [(step.revision, step.says, "yes" if step.applied else "no") for step in steps],
    )


@app.command()
def seed(name: SeedName = None) -> None:
    """Insert the first rows; those that are there stay as they are.

    The administrator's password is that of ADMIN_PASSWORD, else a random one, shown once.
    """
    password = os.environ.get("ADMIN_PASSWORD") or None
    for planted in asyncio.run(
        _in_transaction(lambda conn: seeds.plant(conn, name, password=password))
    ):
        output.say(f"{planted.seed}: {_rows(planted.rows)} inserted.")
        if planted.password:
            output.say(f"The password of admin@admin.com is {planted.password}")


@app.command()
def unseed(name: SeedName = None) -> None:
    """Remove the rows that the seeds inserted, unless other rows refer to them."""
    for uprooted in asyncio.run(_in_transaction(lambda conn: seeds.uproot(conn, name))):
        output.say(f"{uprooted.seed}: {_rows(uprooted.rows)} removed.")


@app.command("roles")
def roles_command() -> None:
    """Make a login role for each service and one for readers, and grant what each needs.

    Passwords come from ROLE_PASSWORD_TICKETS, _MESSAGES, _CONTACTS, _CAMPAIGNS and _READER. A role
    without one keeps the one that it has; a new one has none, and can log in only where the
    server asks for none. Run this again after every upgrade.
    """
    passwords = given_passwords()
    made = asyncio.run(_in_transaction(lambda conn: roles.apply(conn, passwords)))
    output.show_table(
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


def given_passwords() -> dict[str, str]:
    """Read the passwords that the environment gives to roles."""
    named = {role: os.environ.get(f"ROLE_PASSWORD_{role.upper()}") for role in ROLES}
    return {role: password for role, password in named.items() if password}


async def _migrated(
    url: str, move: Callable[[str, str], Awaitable[None]], revision: str
) -> tuple[str | None, str | None]:
    before = await migrations.current(url)
    await move(url, revision)
    return before, await migrations.current(url)


def _moved(before: str | None, after: str | None) -> str:
    if before == after:
        return f"Nothing to do: the schema is at {after or 'its beginning'}."
    return f"The schema went from {before or 'its beginning'} to {after or 'its beginning'}."


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


async def _in_transaction(do: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def connected(url: str) -> T:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.begin() as conn:
            return await do(conn)

    return await _reached(connected)


async def _reached(do: Callable[[str], Awaitable[T]]) -> T:
    """Do something with the database once it answers; its complaints become one sentence."""
    url = DatabaseSettings().url
    async with explained():
        await _wait_for(url)
        return await do(url)


@asynccontextmanager
async def explained() -> AsyncIterator[None]:
    """Turn what migrations, seeds and roles raise, and the database, into a person's sentence."""
    try:
        async with db_errors.explained():
            yield
    except MigrationError as error:
        raise WrongUsage(f"{error}: see `chatia db history`.") from error
    except (seeds.UnknownSeedError, roles.UnusablePasswordError) as error:
        raise WrongUsage(str(error)) from error
    except (SeedError, seeds.InUseError, roles.RoleNameTooLongError) as error:
        raise Refused(str(error)) from error


async def _wait_for(url: str) -> None:
    """Knock for a few seconds: a server that is just starting refuses at first."""
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
