"""What becomes of a batch when the database refuses it: raced, traced to its record, or raised."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.outcome import Outcome
from shared.contracts.trouble import first_trouble
from shared.db.bulk import RacedError
from shared.delivery.subscription import Handler

MOST_RACES = 5
RACES = {"23505": MOST_RACES, "23503": 1}  # SQLSTATE: how often to load and decide again
UNFIT = "22000"  # a value that the driver itself cannot encode
REFUSED, UNTELLABLE = "refused-by-the-database", "untellable"
DATA_CLASSES = ("22", "23")  # SQLSTATE classes that blame the data: bad value, broken constraint


@dataclass(frozen=True, slots=True)
class Impossible:
    """An event that is refused even when it comes alone: by the database, or by a contract."""

    cause: BaseModel
    reason: str
    detail: str
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a batch of any size cannot take effect as it is."""

    reason: str
    detail: str
    sqlstate: str | None = None


async def settle(
    conn: AsyncConnection, handler: Handler, batch: Sequence[BaseModel]
) -> tuple[Outcome, list[Impossible]]:
    """Run a handler under a savepoint; halve the batch until the refused record stands alone.

    A unique or foreign key broken by another worker's commit is a race: it is decided again on
    what is there now. Errors of the world (connection, deadlock, disk …) are raised.
    """
    tried = await _tried(conn, handler, batch)
    if not isinstance(tried, _Refusal):
        return tried, []
    if len(batch) == 1:
        return [], [Impossible(batch[0], tried.reason, tried.detail, tried.sqlstate)]
    middle = len(batch) // 2
    first, refused_first = await settle(conn, handler, batch[:middle])
    second, refused_second = await settle(conn, handler, batch[middle:])
    return first + second, refused_first + refused_second


async def _tried(
    conn: AsyncConnection, handler: Handler, batch: Sequence[BaseModel]
) -> Outcome | _Refusal:
    attempts: Counter[str] = Counter()
    raced = 0
    while True:
        try:
            async with conn.begin_nested():
                return await handler(conn, batch)
        except RacedError:
            raced += 1
            if raced > MOST_RACES:
                raise
        except ValidationError as error:
            return _Refusal(UNTELLABLE, first_trouble(error))
        except DBAPIError as error:
            sqlstate = sqlstate_of(error)
            if not blames_a_value(error):
                raise
            attempts[sqlstate] += 1
            if attempts[sqlstate] > RACES.get(sqlstate, 0):
                return _Refusal(REFUSED, sentence_of(error), sqlstate)


def sqlstate_of(error: DBAPIError) -> str:
    """Give the five-letter code; a value that the driver itself cannot encode counts as 22000."""
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if code:
        return str(code)
    return UNFIT if isinstance(getattr(error.orig, "__cause__", None), ValueError) else ""


def blames_a_value(error: DBAPIError) -> bool:
    """Whether the database blames a value, and not the world."""
    return sqlstate_of(error).startswith(DATA_CLASSES)


def table_of(error: DBAPIError) -> str:
    """Return the table that an error is about; empty where the database names none."""
    return str(getattr(getattr(error.orig, "__cause__", None), "table_name", None) or "")


def sentence_of(error: DBAPIError) -> str:
    """Say what the database has against a value, in its own words."""
    if sqlstate_of(error) == UNFIT:
        return "a value does not fit its column"
    words = str(error.orig).rpartition(">: ")[2].splitlines()
    return words[0] if words else type(error).__name__
