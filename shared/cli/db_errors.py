"""Turns errors of Postgres and its driver into errors of commands."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from shared.cli.errors import CommandError, DependencyFailedError, RefusedError
from shared.db.errors import describe_unreachable
from shared.settings import DatabaseSettings

# By SQLSTATE.
ERRORS: dict[str, Callable[[str], CommandError]] = {
    "42P01": lambda _: DependencyFailedError(
        "The database has no tables of ChatIA Flow: run `chatia db upgrade`."
    ),
    "55P03": lambda _: DependencyFailedError(
        "Somebody else holds a lock on the tables: try again when it is free."
    ),
    "57P03": lambda message: DependencyFailedError(
        f"The database is not ready: {message}; try again in a moment."
    ),
    "42501": lambda message: RefusedError(f"The database user may not do this: {message}."),
    "3D000": lambda message: DependencyFailedError(f"The database cannot be used: {message}."),
    "28P01": lambda message: DependencyFailedError(f"The database refused the login: {message}."),
    "28000": lambda message: DependencyFailedError(f"The database refused the login: {message}."),
}


@asynccontextmanager
async def explain_database_errors() -> AsyncIterator[None]:
    """Convert errors of the database to errors of commands."""
    try:
        yield
    except OSError as error:
        raise build_connection_error(error) from error
    except asyncpg.PostgresError as error:
        raise build_error(error.sqlstate or "", str(error)) from error
    except DBAPIError as error:
        raise build_error(getattr(error.orig, "sqlstate", None) or "", str(error.orig)) from error


def build_connection_error(error: OSError) -> CommandError:
    """Build the error for a server that cannot be reached, or not by TLS as DB_SSL_* ask."""
    host = make_url(DatabaseSettings().url).host or "localhost"
    reason = describe_unreachable(error)
    if isinstance(error, ssl.SSLError):
        return DependencyFailedError(
            f"The database at {host} cannot be used with TLS ({reason}): check DB_SSL_MODE, "
            "DB_SSL_CA, DB_SSL_CERT and DB_SSL_KEY."
        )
    return DependencyFailedError(
        f"The database at {host} does not answer ({reason}): check DATABASE_URL or DB_HOST and "
        "DB_PORT."
    )


def build_error(sqlstate: str, message: str) -> CommandError:
    """Build the error for an SQLSTATE and Postgres' message."""
    message = message.rpartition(">: ")[2].splitlines()[0].rstrip(".")
    build = ERRORS.get(sqlstate)
    return (
        build(message)
        if build
        else DependencyFailedError(f"The database failed ({sqlstate}): {message}.")
    )
