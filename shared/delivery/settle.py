"""What becomes of a batch when the database refuses it: raced, traced to its record, or raised."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.outcome import Outcome
from shared.db.bulk import RacedError
from shared.delivery.subscription import Handler

MOST_RACES = 5
RACES = {"23505": MOST_RACES, "23503": 1}  # SQLSTATE: how often to load and decide again
UNFIT = "22000"  # a value that the driver itself cannot encode
DATA_CLASSES = ("22", "23")  # SQLSTATE classes that blame the data: bad value, broken constraint


@dataclass(frozen=True, slots=True)
class Impossible:
    """An event that the database refuses even when it comes alone."""

    cause: BaseModel
    sqlstate: str
    detail: str


async def settle(
    conn: AsyncConnection, handler: Handler, batch: Sequence[BaseModel]
) -> tuple[Outcome, list[Impossible]]:
    """Run a handler under a savepoint; halve the batch until the refused record stands alone.

    A unique or foreign key broken by another worker's commit is a race: it is decided again on
    what is there now. Errors of the world (connection, deadlock, disk …) are raised.
    """
    attempts: dict[str, int] = {}
    raced = 0
    while True:
        try:
            async with conn.begin_nested():
                return await handler(conn, batch), []
        except RacedError:
            raced += 1
            if raced > MOST_RACES:
                raise
        except DBAPIError as error:
            sqlstate = sqlstate_of(error)
            if not sqlstate.startswith(DATA_CLASSES):
                raise
            attempts[sqlstate] = attempts.get(sqlstate, 0) + 1
            if attempts[sqlstate] <= RACES.get(sqlstate, 0):
                continue
            if len(batch) == 1:
                return [], [Impossible(batch[0], sqlstate, _sentence(error))]
            break
    middle = len(batch) // 2
    first, refused_first = await settle(conn, handler, batch[:middle])
    second, refused_second = await settle(conn, handler, batch[middle:])
    return first + second, refused_first + refused_second


def sqlstate_of(error: DBAPIError) -> str:
    """Give the five-letter code; a value that the driver itself cannot encode counts as 22000."""
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if code:
        return str(code)
    return UNFIT if isinstance(getattr(error.orig, "__cause__", None), ValueError) else ""


def _sentence(error: DBAPIError) -> str:
    if sqlstate_of(error) == UNFIT:
        return "a value does not fit its column"
    return str(error.orig).rpartition(">: ")[2].splitlines()[0]
