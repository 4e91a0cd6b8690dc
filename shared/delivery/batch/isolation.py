"""Runs handlers under savepoints, and finds the events that the database rejects by bisection."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.error_texts import describe_first_error
from shared.contracts.outcome import Outcome
from shared.db.bulk import ConcurrentUpdateError
from shared.db.errors import describe_refusal, is_data_error, read_sqlstate
from shared.delivery.subscription import Handler

MOST_RACES = 5
RACES = {"23505": MOST_RACES, "23503": 1}  # SQLSTATE: how often the handler runs again
REFUSED, UNTELLABLE = "refused-by-the-database", "untellable"  # reasons of dead letters


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that fails even in a batch of its own: rejected by the database or by a contract."""

    cause: BaseModel
    reason: str
    detail: str
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The reason why a batch cannot be applied unchanged."""

    reason: str
    detail: str
    sqlstate: str | None = None


async def run_handler(
    conn: AsyncConnection, handler: Handler, events: Sequence[BaseModel]
) -> tuple[Outcome, list[RefusedEvent]]:
    """Run a handler under a savepoint; bisect a failed batch until each bad event is found.

    A unique or foreign key violation caused by a concurrent commit is retried: the handler loads
    the rows again. Raises all other errors (connection, deadlock, disk …).
    """
    outcome = await _try_handler(conn, handler, events)
    if not isinstance(outcome, _Refusal):
        return outcome, []
    if len(events) == 1:
        return [], [RefusedEvent(events[0], outcome.reason, outcome.detail, outcome.sqlstate)]
    middle = len(events) // 2
    first, first_refused = await run_handler(conn, handler, events[:middle])
    second, second_refused = await run_handler(conn, handler, events[middle:])
    return first + second, first_refused + second_refused


async def _try_handler(
    conn: AsyncConnection, handler: Handler, events: Sequence[BaseModel]
) -> Outcome | _Refusal:
    attempts: Counter[str] = Counter()
    races = 0
    while True:
        try:
            async with conn.begin_nested():
                return await handler(conn, events)
        except ConcurrentUpdateError:
            races += 1
            if races > MOST_RACES:
                raise
        except ValidationError as error:
            return _Refusal(UNTELLABLE, describe_first_error(error))
        except DBAPIError as error:
            sqlstate = read_sqlstate(error)
            if not is_data_error(error):
                raise
            attempts[sqlstate] += 1
            if attempts[sqlstate] > RACES.get(sqlstate, 0):
                return _Refusal(REFUSED, describe_refusal(error), sqlstate)
