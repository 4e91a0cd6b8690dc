"""`chatia dead-letters replay` and `discard`, for letters that are named by id or by filters."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer
from rich.progress import Progress
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.cli import dead_letter_outcomes, dead_letter_store, output
from shared.cli.dead_letter_options import (
    ActionOptions,
    EditOptions,
    Filters,
    OptionalIdsArgument,
    Status,
    WaitOptions,
)
from shared.cli.dead_letter_outcomes import Report
from shared.cli.dead_letter_replay import OBSTACLES, Edits, Published, Replay, publish_replay
from shared.cli.dead_letter_store import MAX_BIGINT, DeadLetterQuery, Selection
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.cli.options import expand_option_groups
from shared.settings import Settings

DISCARD_CHUNK_SIZE = 1_000  # letters in a transaction
MAX_LISTED_IDS = 20  # ids in a sentence
UNSETTLED = (Status.OPEN, Status.REPLAYED)

AllOption = Annotated[bool, typer.Option("--all", help="All that match the filters.")]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The letters to act on, and the ids of named ones that are settled already."""

    query: DeadLetterQuery
    selection: Selection
    settled: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """The ids of replayed letters, and what became of them."""

    ids: Sequence[int] = ()
    report: Report = field(default_factory=Report)


@expand_option_groups
def replay_command(  # noqa: PLR0913 - groups of options
    ids: OptionalIdsArgument = None,
    *,
    everything: AllOption = False,
    filters: Filters,
    edit_options: EditOptions,
    wait: WaitOptions,
    action: ActionOptions,
    as_json: output.JsonOption = False,
) -> None:
    """Publish dead letters on their topics again, for the one service that rejected them.

    Each takes effect once, even if it is replayed several times; if it fails, it is open again.
    Waits for what becomes of each. Exit code 1: not all were applied; 3: some are still under way.
    """
    settings = Settings()
    _check_choice(ids, filters, everything=everything)
    if edit_options.edit and len(set(ids or ())) != 1:
        raise InvalidUsageError("--edit is for one letter, named by its id.")
    edits = edit_options.read()
    chosen = asyncio.run(
        _choose(settings, sorted(set(ids or ())), filters, Status.DISCARDED, edits)
    )
    _check_agreement("replay", ids, chosen, action, everything=everything)
    if action.dry_run:
        published = asyncio.run(_find_replayable(settings, chosen, edits))
        _print_dry_run("replayed", published.ids, chosen, as_json=as_json)
        if published.left_out and not as_json:
            print_report(dead_letter_outcomes.start_report(Published(left_out=published.left_out)))
        return
    replay = Replay(chosen.query, chosen.selection, edits, action.operator)
    replayed = asyncio.run(replay_and_wait(settings, replay, wait))
    if as_json:
        outcomes = dead_letter_outcomes.convert_to_json(replayed.report)
        named = {"replayed": list(replayed.ids), "settledBefore": list(chosen.settled)}
        output.print_json({**named, "dryRun": False, "outcomes": outcomes})
    else:
        output.print_line(_format_result("Replayed", replayed.ids, chosen.settled))
        print_report(replayed.report)
    dead_letter_outcomes.check_report(replayed.report, waited=not wait.no_wait)


@expand_option_groups
def discard_command(
    ids: OptionalIdsArgument = None,
    *,
    everything: AllOption = False,
    filters: Filters,
    action: ActionOptions,
    as_json: output.JsonOption = False,
) -> None:
    """Discard dead letters: they can still be shown, but not replayed."""
    settings = Settings()
    _check_choice(ids, filters, everything=everything)
    chosen = asyncio.run(_choose(settings, sorted(set(ids or ())), filters, Status.RESOLVED, None))
    _check_agreement("discard", ids, chosen, action, everything=everything)
    if action.dry_run:
        ids_found = asyncio.run(_find_all(settings, chosen))
        _print_dry_run("discarded", ids_found, chosen, as_json=as_json)
        return
    discarded = asyncio.run(_discard(settings, chosen, action.operator))
    if as_json:
        settled = list(chosen.settled)
        output.print_json({"discarded": discarded, "settledBefore": settled, "dryRun": False})
    else:
        output.print_line(_format_result("Discarded", discarded, chosen.settled))


async def replay_and_wait(settings: Settings, replay: Replay, wait: WaitOptions) -> Replayed:
    """Publish letters, and wait for their outcomes unless `--no-wait` is given."""
    count = replay.selection.count
    if not count:
        return Replayed()
    async with dead_letter_store.open_engine(settings.database) as engine:
        with output.build_progress_bar() as bar:
            published = await publish_replay(
                engine, settings.kafka, replay, _advance(bar, "Replaying", count)
            )
            if wait.no_wait:
                return Replayed(published.ids, dead_letter_outcomes.start_report(published))
            on_settled = _advance(bar, "Waiting for the services", len(published.ids))
            report = await dead_letter_outcomes.wait_for_outcomes(
                engine, published, wait.timeout, on_settled
            )
    return Replayed(published.ids, report)


def print_report(report: Report) -> None:
    """Print the numbers of letters by what became of them."""
    if report.fates:
        output.print_table(
            ("outcome", "reason", "letters", "ids"),
            dead_letter_outcomes.build_rows(report),
            shrinks="ids",
        )


async def load_existing(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Load dead letters by id; raises InvalidUsageError if one does not exist."""
    dead_letters = await dead_letter_store.load_details(conn, ids)
    missing = [i for i in ids if i not in dead_letters]
    if missing:
        raise InvalidUsageError(f"There is no dead letter {_format_ids(missing)}.")
    return dead_letters


def _check_choice(ids: Sequence[int] | None, filters: Filters, *, everything: bool) -> None:
    if bool(ids) == (everything or filters != Filters()):
        raise InvalidUsageError("Say which letters: by their ids, or by filters and --all.")
    if filters.status and filters.status not in UNSETTLED:
        raise InvalidUsageError("Only letters that are open or replayed can be taken.")


def _check_agreement(
    verb: str,
    ids: Sequence[int] | None,
    chosen: Chosen,
    action: ActionOptions,
    *,
    everything: bool,
) -> None:
    if not (ids or everything or action.dry_run):
        raise InvalidUsageError(
            f"This would {verb} {chosen.selection.count:,} letters: add --all to say yes."
        )


async def _choose(
    settings: Settings,
    ids: Sequence[int],
    filters: Filters,
    refused: Status,
    edits: Edits | None,
) -> Chosen:
    """Find the letters; named ones are refused if one has the status `refused`.

    With `edits`, that is for a replay, named letters that cannot be replayed are refused, too.
    """
    async with dead_letter_store.open_transaction(settings.database) as conn:
        if not ids:
            await filters.check(conn, settings)
            query = filters.build_query(settings, default_statuses=(Status.OPEN,))
            return Chosen(query, await dead_letter_store.measure(conn, query))
        dead_letters = await load_existing(conn, ids)
        query = DeadLetterQuery(statuses=UNSETTLED, ids=ids)
        if edits is not None:
            await _refuse_obstacles(conn, replace(query, statuses=tuple(Status)), edits)
        _refuse_status(refused, dead_letters)
        settled = [i for i in ids if dead_letters[i]["status"] not in UNSETTLED]
        return Chosen(query, await dead_letter_store.measure(conn, query), settled)


async def _refuse_obstacles(conn: AsyncConnection, query: DeadLetterQuery, edits: Edits) -> None:
    found = await dead_letter_store.find_replayable(conn, query, MAX_BIGINT)
    for obstacle, why in OBSTACLES.items():
        ids = [i for i, of_letter in found.items() if of_letter == obstacle]
        if ids and not edits.allow(obstacle):
            raise RefusedError(f"Nothing is replayed: {why}, of dead letter {_format_ids(ids)}.")


def _refuse_status(refused: Status, dead_letters: dict[int, dict[str, Any]]) -> None:
    ids = [i for i, dead_letter in dead_letters.items() if dead_letter["status"] == refused]
    if ids:
        raise RefusedError(
            f"Already {refused}, so nothing was done: dead letter {_format_ids(ids)}."
        )


async def _discard(settings: Settings, chosen: Chosen, by: str) -> list[int]:
    """Discard letters, a bounded number in each transaction."""
    if not chosen.selection.count:
        return []
    async with dead_letter_store.open_engine(settings.database) as engine:
        with output.build_progress_bar() as bar:
            return await _discard_in_chunks(
                engine, chosen, by, _advance(bar, "Discarding", chosen.selection.count)
            )


async def _discard_in_chunks(
    engine: AsyncEngine, chosen: Chosen, by: str, on_done: Callable[[int], None]
) -> list[int]:
    discarded: list[int] = []
    query = replace(chosen.query, through=chosen.selection.last, limit=DISCARD_CHUNK_SIZE)
    while True:
        async with engine.begin() as conn:
            ids = await dead_letter_store.find_oldest(conn, query)
            discarded += await dead_letter_store.mark_discarded(conn, ids, by)
        if not ids:
            return discarded
        on_done(len(ids))
        query = replace(query, after=ids[-1])


def _advance(bar: Progress, title: str, total: int) -> Callable[[int], None]:
    task = bar.add_task(title, total=total)
    return lambda more: bar.advance(task, more)


def _print_dry_run(verb: str, ids: Sequence[int], chosen: Chosen, *, as_json: bool) -> None:
    if as_json:
        settled = list(chosen.settled)
        output.print_json({verb: list(ids), "settledBefore": settled, "dryRun": True})
    else:
        output.print_line(_format_result(f"Would be {verb}", ids, chosen.settled))


async def _find_all(settings: Settings, chosen: Chosen) -> list[int]:
    async with dead_letter_store.open_transaction(settings.database) as conn:
        return await dead_letter_store.find_oldest(conn, chosen.query)


async def _find_replayable(settings: Settings, chosen: Chosen, edits: Edits) -> Published:
    async with dead_letter_store.open_transaction(settings.database) as conn:
        found = await dead_letter_store.find_replayable(conn, chosen.query, MAX_BIGINT)
    return Published(
        [i for i, obstacle in found.items() if edits.allow(obstacle)],
        {i: obstacle for i, obstacle in found.items() if obstacle and not edits.allow(obstacle)},
    )


def _format_result(sentence: str, done: Sequence[int], settled: Sequence[int]) -> str:
    named = f" ({_format_ids(done)})" if done else ""
    before = f" Settled before: {_format_ids(settled)}." if settled else ""
    return f"{sentence}: {len(done):,}{named}.{before}"


def _format_ids(ids: Iterable[int]) -> str:
    listed = list(ids)
    more = f" and {len(listed) - MAX_LISTED_IDS:,} more" if len(listed) > MAX_LISTED_IDS else ""
    return ", ".join(map(str, listed[:MAX_LISTED_IDS])) + more
