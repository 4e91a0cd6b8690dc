"""What the database and its driver complain of, as one sentence that tells what to do."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from shared.cli.errors import CommandError, Refused, WorldFailed

# What Postgres' own complaints come down to, by SQLSTATE.
COMPLAINTS: dict[str, Callable[[str], CommandError]] = {
    "42P01": lambda _: WorldFailed(
        "The database has no tables of ChatIA Flow: run `chatia db upgrade`."
    ),
    "55P03": lambda _: WorldFailed(
        "Somebody else holds a lock on the tables: try again when it is free."
    ),
    "57P03": lambda said: WorldFailed(f"The database is not ready: {said}; try again in a moment."),
    "42501": lambda said: Refused(f"The database user may not do this: {said}."),
    "3D000": lambda said: WorldFailed(f"The database cannot be used: {said}."),
    "28P01": lambda said: WorldFailed(f"The database refused the login: {said}."),
    "28000": lambda said: WorldFailed(f"The database refused the login: {said}."),
}


@asynccontextmanager
async def explained() -> AsyncIterator[None]:
    """Turn what is raised inside into the sentence that a person needs."""
    try:
        yield
    except OSError as error:
        raise WorldFailed(
            f"The database does not answer ({error}): check DATABASE_URL or DB_HOST and DB_PORT."
        ) from error
    except asyncpg.PostgresError as error:
        raise complaint(error.sqlstate or "", str(error)) from error
    except DBAPIError as error:
        raise complaint(getattr(error.orig, "sqlstate", None) or "", str(error.orig)) from error


def complaint(sqlstate: str, said: str) -> CommandError:
    """Put what Postgres says into a sentence that tells what to do."""
    said = said.rpartition(">: ")[2].splitlines()[0].rstrip(".")
    known = COMPLAINTS.get(sqlstate)
    return known(said) if known else WorldFailed(f"The database failed ({sqlstate}): {said}.")
