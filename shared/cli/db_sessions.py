"""`chatia db locks`, `slow` and `cancel`: what sessions of the database do, and ending it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import output
from shared.cli.db_connection import run_with_database
from shared.cli.errors import DependencyFailedError, InvalidUsageError, RefusedError
from shared.db import migrations
from shared.doctor.cancelling import Outcome, cancel, terminate
from shared.doctor.locks import Waiting, build_chains
from shared.doctor.sessions import Session, load_sessions
from shared.doctor.slow_statements import (
    RunningStatement,
    SlowStatement,
    load_running,
    load_slow,
)

T = TypeVar("T")

INDENT = "  "
STATEMENT = "statement"


def locks(*, as_json: output.JsonOption = False) -> None:
    """Show which sessions wait for locks, and for whom; statements without their values."""
    sessions = _run(load_sessions)
    rows = list(list_chain_rows(sessions))
    if as_json:
        output.print_json([_build_lock_json(session, depth) for session, depth in rows])
        return
    if not rows:
        output.print_line("No session waits for a lock.")
        return
    output.print_table(
        ("process", "waited", "for", "lock", "state", "program", "login", STATEMENT),
        [
            (
                f"{INDENT * depth}{session.pid}",
                _format_s(session.waited_s),
                ", ".join(map(str, session.blockers)) or "-",
                session.lock or "-",
                session.state or "?",
                session.program or "-",
                session.login,
                session.query,
            )
            for session, depth in rows
        ],
        shrinks=STATEMENT,
        optional=("login", "program"),
    )


def slow(
    *,
    most: Annotated[int, typer.Option("--limit", min=1, help="How many statements.")] = 20,
    running: Annotated[
        bool, typer.Option("--running", help="Those that run now, even with pg_stat_statements.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Show the statements that take the most time, without their values.

    They are those of the extension pg_stat_statements; where it is not, those that run now.
    """
    known, now = _run(lambda conn: _load(conn, most, is_running=running))
    if as_json:
        output.print_json([asdict(each) for each in (now if known is None else known)])
    elif known is None:
        _print_running(now, is_asked=running)
    else:
        _print_slow(known)


def cancel_command(
    pid: Annotated[int, typer.Argument(help="The process id, as `locks` and `slow` show it.")],
    *,
    terminates: Annotated[
        bool, typer.Option("--terminate", help="End the session, not only its statement.")
    ] = False,
) -> None:
    """Cancel the statement of a session of this database; its transaction is rolled back."""
    act = terminate if terminates else cancel
    match _run(lambda conn: act(conn, pid)):
        case Outcome.DONE:
            what = "The session" if terminates else "The statement"
            output.print_line(f"{what} of process {pid} has ended.")
        case Outcome.NO_SUCH_SESSION:
            raise InvalidUsageError(
                f"No other session of this database has the process id {pid}: see `chatia db locks`"
                " and `chatia db slow --running`."
            )
        case Outcome.NOTHING_RUNS:
            raise RefusedError(
                f"Process {pid} runs no statement now; --terminate ends its session."
            )
        case Outcome.NOT_YET:
            raise DependencyFailedError(f"Process {pid} was asked to end, and has not yet.")


def list_chain_rows(sessions: Sequence[Session]) -> Iterator[tuple[Session, int]]:
    """Yield each session of a lock chain with its depth, the one that waits for none first.

    A blocker of another database, or a prepared transaction, is not among the sessions.
    """
    by_pid = {session.pid: session for session in sessions}
    waiting = [
        Waiting(each.pid, tuple(each.blockers), each.waited_s or 0.0)
        for each in sessions
        if each.blockers
    ]
    for chain in build_chains(waiting):
        if chain.root in by_pid:
            yield by_pid[chain.root], 0
        yield from ((by_pid[member.pid], member.depth) for member in chain.members)


async def _load(
    conn: AsyncConnection, most: int, *, is_running: bool
) -> tuple[Sequence[SlowStatement] | None, Sequence[RunningStatement]]:
    known = None if is_running else await load_slow(conn, most)
    return known, await load_running(conn, most) if known is None else ()


def _print_slow(found: Sequence[SlowStatement]) -> None:
    output.print_table(
        ("total", "mean", "longest", "calls", "rows", "pages", "login", STATEMENT),
        [
            (
                _format_s(each.total_ms / 1000),
                f"{each.mean_ms:.1f} ms",
                f"{each.max_ms:.1f} ms",
                each.calls,
                each.rows,
                each.pages,
                each.login,
                each.query,
            )
            for each in found
        ],
        shrinks=STATEMENT,
        optional=("login", "pages", "rows"),
    )


def _print_running(found: Sequence[RunningStatement], *, is_asked: bool) -> None:
    if not is_asked:
        output.print_error(
            "The extension pg_stat_statements is not there: these statements run now. To have it, "
            "set shared_preload_libraries = 'pg_stat_statements', restart Postgres, and run "
            "CREATE EXTENSION pg_stat_statements."
        )
    if not found:
        output.print_line("No other session runs a statement now.")
        return
    output.print_table(
        ("process", "for", "waits for", "program", "login", STATEMENT),
        [
            (
                each.pid,
                _format_s(each.seconds),
                each.waits_for or "-",
                each.program or "-",
                each.login,
                each.query,
            )
            for each in found
        ],
        shrinks=STATEMENT,
        optional=("login", "program"),
    )


def _build_lock_json(session: Session, depth: int) -> dict[str, object]:
    return {
        "process": session.pid,
        "depth": depth,
        "waitsFor": list(session.blockers),
        "waitedS": session.waited_s,
        "transactionS": session.transaction_s,
        "lock": session.lock,
        "state": session.state,
        "program": session.program,
        "login": session.login,
        "statement": session.query,
    }


def _format_s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _run(action: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        async with migrations.connect(url, autocommit=True) as conn:
            return await action(conn)

    return asyncio.run(run_with_database(run))
