"""`chatia db upgrade`, `downgrade`, `current`, `history`, `status` and `repair`."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer
from sqlalchemy.exc import SQLAlchemyError

from shared.cli import output
from shared.cli.db_connection import run_with_database
from shared.cli.errors import CheckFailedError, CommandError
from shared.db import migrations
from shared.db.identity import has_identity, record_identity
from shared.db.leftovers import Leftover, Repaired, find_leftovers, repair_leftovers
from shared.db.migration_plan import Migration, TableLock

BYTES_UNITS = ("B", "kB", "MB", "GB", "TB")
SHORT_S = 0.1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Status:
    """What `chatia db status` shows; `sessions` are those that change the schema now."""

    steps: Sequence[migrations.Revision]
    sessions: Sequence[str]
    leftovers: Sequence[Leftover]

    @property
    def current(self) -> str | None:
        """Return the revision of the database."""
        return max((step.revision for step in self.steps if step.applied), default=None)

    @property
    def pending(self) -> int:
        """Return how many migrations are to come."""
        return sum(not step.applied for step in self.steps)


def upgrade(
    revision: Annotated[str, typer.Argument(help="How far; by default all the way.")] = "head",
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing: show which tables are locked, how long."),
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Apply the migrations that the database does not have yet.

    It may be broken off at any point, and run again. --json is for --check.
    """
    if check:
        found = asyncio.run(run_with_database(lambda url: migrations.plan(url, revision)))
        _print_plan(*found, as_json=as_json)
        return
    before, after = run_until_stopped(
        lambda url: _migrate(url, lambda: _upgrade(url, revision)),
        "Stopped by a signal. Run `chatia db upgrade` again: it goes on where it was.",
    )
    output.print_line(_describe_move(before, after))


def downgrade(
    revision: Annotated[str, typer.Argument(help="The target migration, or `-1` or `base`.")],
) -> None:
    """Undo migrations; the tables that they created are dropped, with their rows."""
    before, after = asyncio.run(
        run_with_database(lambda url: _migrate(url, lambda: migrations.downgrade(url, revision)))
    )
    output.print_line(_describe_move(before, after))


def current(*, as_json: output.JsonOption = False) -> None:
    """Show the current migration of the database."""
    steps = asyncio.run(run_with_database(migrations.list_history))
    status = Status(steps, (), ())
    if as_json:
        output.print_json({"revision": status.current, "pending": status.pending})
    else:
        output.print_line(_describe_revision(status))


def history(*, as_json: output.JsonOption = False) -> None:
    """List all migrations, the first one first."""
    steps = asyncio.run(run_with_database(migrations.list_history))
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


def status(*, as_json: output.JsonOption = False) -> None:
    """Show the migration, whether one runs now, and what a broken-off one has left."""
    found = asyncio.run(run_with_database(_read_status))
    if as_json:
        output.print_json(
            {
                "revision": found.current,
                "pending": found.pending,
                "sessions": list(found.sessions),
                "leftovers": [
                    {
                        "kind": each.kind,
                        "table": each.table,
                        "name": each.name,
                        "busy": each.is_busy,
                    }
                    for each in found.leftovers
                ],
            }
        )
        return
    output.print_line(_describe_revision(found))
    for session in found.sessions:
        output.print_line(f"The schema is being changed by {session}.")
    for each in found.leftovers:
        busy = ", being built or vacuumed now" if each.is_busy else ""
        output.print_line(f"{each.kind}: {each}{busy}; run `chatia db repair`.")
    if not found.leftovers:
        output.print_line("No index is invalid, and no constraint NOT VALID.")


def repair() -> None:
    """Drop or rebuild invalid indexes, and validate constraints; reads and writes go on."""
    repaired = run_until_stopped(_repair, "Stopped by a signal. Run `chatia db repair` again.")
    for each in repaired:
        output.print_line(f"{each.leftover.kind} {each.leftover}: {each.result}.")
    if not repaired:
        output.print_line("Nothing to repair.")
    if left := [each for each in repaired if not each.is_done]:
        raise CheckFailedError(f"{len(left)} of {len(repaired)} are as they were.")


async def _read_status(url: str) -> Status:
    steps = await migrations.list_history(url)
    async with migrations.connect(url) as connection:
        return Status(
            steps,
            await migrations.list_sessions(connection),
            await find_leftovers(connection),
        )


async def _repair(url: str) -> list[Repaired]:
    is_pending = not all(step.applied for step in await migrations.list_history(url))
    async with (
        migrations.exclusive_connection(url, output.print_line),
        migrations.connect(url, autocommit=True) as connection,
    ):
        found = await find_leftovers(connection)
        return await repair_leftovers(connection, found, is_upgrade_pending=is_pending)


def run_until_stopped(action: Callable[[str], Awaitable[T]], stopped: str) -> T:
    """Run an action on the database; raises CheckFailedError on SIGTERM or Ctrl-C."""
    signals: list[int] = []
    try:
        return asyncio.run(_run_stoppable(action, signals))
    # Alembic's clean-up may replace the cancellation by an error of its own.
    except (asyncio.CancelledError, SQLAlchemyError, CommandError) as error:
        if signals:
            raise CheckFailedError(stopped) from error
        raise


async def _run_stoppable(action: Callable[[str], Awaitable[T]], signals: list[int]) -> T:
    # Cancelled, so that Postgres is told to end the statement under way.
    running = asyncio.current_task()

    def stop(number: int) -> None:
        signals.append(number)
        if running is not None:
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    return await run_with_database(action)


async def _upgrade(url: str, revision: str) -> None:
    await migrations.upgrade(url, revision, report=output.print_line)
    async with migrations.connect(url) as conn:
        if await has_identity(conn):  # not yet after an upgrade to an older revision
            await record_identity(conn)
            await conn.commit()


async def _migrate(url: str, move: Callable[[], Awaitable[None]]) -> tuple[str | None, str | None]:
    before = await migrations.read_current(url)
    await move()
    return before, await migrations.read_current(url)


def _describe_move(before: str | None, after: str | None) -> str:
    if before == after:
        return f"Nothing to do: the schema is at {after or 'its beginning'}."
    return f"The schema went from {before or 'its beginning'} to {after or 'its beginning'}."


def _describe_revision(found: Status) -> str:
    if found.pending:
        at = found.current or "Nothing applied"
        return f"{at}; {found.pending} to come: run `chatia db upgrade`."
    return f"{found.current}; nothing is missing."


def _print_plan(pending: Sequence[Migration], locks: Sequence[TableLock], *, as_json: bool) -> None:
    if as_json:
        output.print_json([_build_json(step, locks) for step in pending])
        return
    if not pending:
        output.print_line("Nothing to do: no migration is to come.")
        return
    output.print_table(
        ("migration", "table", "lock", "blocks", "at most", "rows", "size", "what it does"),
        [row for step in pending for row in _list_rows(step, locks)],
    )
    output.print_line("Times are estimates from the sizes of the tables; see docs/upgrading.md.")


def _list_rows(step: Migration, locks: Iterable[TableLock]) -> list[tuple[object, ...]]:
    own = [lock for lock in locks if lock.revision == step.revision]
    if not own:
        return [(step.revision, "-", "-", "nothing", "-", 0, "-", "adds what is new")]
    return [
        (
            step.revision,
            lock.table or "?",
            lock.lock.words,
            lock.lock.blocks,
            _format_seconds(lock.seconds),
            lock.size.rows,
            _format_bytes(lock.size.bytes),
            ", ".join(work.value for work in lock.works),
        )
        for lock in own
    ]


def _build_json(step: Migration, locks: Iterable[TableLock]) -> dict[str, object]:
    return {
        "revision": step.revision,
        "says": step.title,
        "transaction": step.is_transactional,
        "locks": [
            {
                "table": lock.table,
                "lock": lock.lock.words,
                "blocks": lock.lock.blocks,
                "seconds": round(lock.seconds, 3),
                "rows": lock.size.rows,
                "bytes": lock.size.bytes,
                "does": [work.value for work in lock.works],
            }
            for lock in locks
            if lock.revision == step.revision
        ],
    }


def _format_seconds(seconds: float) -> str:
    if seconds < SHORT_S:
        return f"< {SHORT_S} s"
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def _format_bytes(number: float) -> str:
    for unit in BYTES_UNITS:
        if number < 1000 or unit == BYTES_UNITS[-1]:  # noqa: PLR2004
            break
        number /= 1000
    return f"{number:.0f} {unit}"
