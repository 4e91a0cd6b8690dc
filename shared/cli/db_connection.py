"""What the commands of `chatia db` share: waiting for the database, explaining its errors."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from alembic.util import CommandError as MigrationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import seeds
from shared.cli import db_errors
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.db import roles
from shared.db.engine import create_unpooled_engine
from shared.db.errors import read_sqlstate
from shared.seeds.rows import SeedError
from shared.settings import DatabaseSettings

T = TypeVar("T")

PAUSES_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0)  # between attempts to connect
NOT_NOW = ("57P03", "53300")  # SQLSTATE: the server is starting, or has too many connections


async def run_in_transaction(action: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run an action on a connection, and commit."""

    async def run(url: str) -> T:
        engine = create_unpooled_engine(url, "chatia db")
        async with engine.begin() as conn:
            return await action(conn)

    return await run_with_database(run)


async def run_with_database(action: Callable[[str], Awaitable[T]]) -> T:
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
    engine = create_unpooled_engine(url, "chatia db")
    for pause in (*PAUSES_SECONDS, None):
        try:
            async with engine.connect():
                return
        except ssl.SSLError:
            raise
        except (OSError, DBAPIError) as error:
            is_refused = isinstance(error, DBAPIError) and read_sqlstate(error) not in NOT_NOW
            if pause is None or is_refused:
                raise
            await asyncio.sleep(pause)
