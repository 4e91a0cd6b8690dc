"""`chatia db recover`: to a point in time, and what goes on after the database was restored."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic.alias_generators import to_camel

from shared.backup.continuous.data_folder import describe_next
from shared.backup.continuous.targets import Target, check_is_past, parse_target
from shared.backup.errors import ProgramError
from shared.backup.programs import find_server_programs
from shared.cli import acts, output
from shared.cli.cluster import explain_kafka_errors
from shared.cli.db_backup import explain_backup_errors, show_progress
from shared.cli.db_continuous import IdentityOption, open_continuous
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.cli.options import expand_option_groups
from shared.doctor.findings import count
from shared.recovery import finish, kafka
from shared.recovery.finish import Recovery
from shared.settings import DatabaseSettings, Settings

TO_OR_FINISH = (
    "Say --to and --into to recover to a point in time, or --finish when the database is "
    "restored and may be written."
)


@dataclass(frozen=True, slots=True)
class PointInTime:
    """To which point, and where the recovered server's files go."""

    to: Annotated[
        str,
        typer.Option(
            help="A time with its zone such as 2026-11-30T14:05:00Z, a position of the WAL such as "
            "16/B374D848, or `latest`."
        ),
    ] = ""
    into: Annotated[
        Path | None, typer.Option(help="A new data folder; never one that has anything in it.")
    ] = None
    backups: Annotated[
        str, typer.Option(help="The place of the base backups; else CHATIA_BACKUPS.")
    ] = ""
    identity: IdentityOption = ""

    def parse(self) -> tuple[Target, Path] | None:
        """Return target and folder, None if neither is given; raises InvalidUsageError for one."""
        if not self.to and self.into is None:
            return None
        if not self.to or self.into is None:
            raise InvalidUsageError(TO_OR_FINISH)
        try:
            target = parse_target(self.to)
            check_is_past(target, datetime.now(UTC))
            return target, self.into.absolute()
        except ValueError as error:
            raise InvalidUsageError(f"--to: {error}.") from error


@expand_option_groups
def recover(
    point: PointInTime,
    *,
    finish_it: Annotated[
        bool, typer.Option("--finish", help="Let workers go on with the restored database.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Recover to a point in time, and go on after any restore or fail-over.

    --to makes a new data folder from the base backup before that time and the archived WAL; it
    stops at the point until a person promotes it, and the running server is not touched. --finish
    comes after that, with all workers stopped. If nothing is lost, it only records which database
    this is. Else workers read again from the restored positions, facts of the lost time count no
    more, and sends are held until `chatia sends resume`.
    """
    chosen = point.parse()
    if (chosen is None) == (not finish_it):
        raise InvalidUsageError(TO_OR_FINISH)
    if chosen:
        _recover(point, *chosen, as_json=as_json)
        return
    done = asyncio.run(_finish(Settings()))
    if as_json:
        output.print_json(_convert_to_json(done))
        return
    for line in _describe(done):
        output.print_line(line)


def _recover(point: PointInTime, target: Target, folder: Path, *, as_json: bool) -> None:
    with explain_backup_errors(), show_progress("Restoring") as progress:
        backups = open_continuous(point.backups, identity=point.identity)
        done = backups.recover(target, folder, progress)
    programs, url = _find_folder(done.base.server_major), DatabaseSettings().url
    steps = describe_next(folder, programs, done.base.settings, url)
    if as_json:
        output.print_json(
            {
                "folder": str(folder),
                "target": target.describe(),
                "backup": done.base.name,
                "walFiles": done.wal_files,
                "next": list(steps),
            }
        )
        return
    files = f" and {count(done.wal_files, 'file')} of WAL" if done.wal_files else " and its WAL"
    output.print_line(
        f"{folder} recovers to {target.describe()} from {done.base.name}{files}, and stops there."
    )
    output.print_line("Next, with all workers stopped:")
    for number, step in enumerate(steps, 1):
        output.print_line(f"{number}. {step}")


def _find_folder(major: int) -> Path:
    """Return where the server's programs are; empty if only the shell may know."""
    try:
        return find_server_programs(major, ("pg_ctl",)).folder
    except ProgramError:
        return Path()


async def _finish(settings: Settings) -> Recovery:
    with explain_kafka_errors(settings.kafka):
        if running := await kafka.find_running(settings.kafka, settings.namespace):
            raise RefusedError(f"Workers of {', '.join(running)} run: stop all workers first.")
        committed = await kafka.load_all_committed(settings.kafka, settings.namespace)
        async with kafka.open_reader(settings.kafka) as reader, acts.open_transaction() as conn:
            return await finish.finish(conn, reader, committed, settings.namespace)


def _convert_to_json(done: Recovery) -> dict[str, object]:
    logs = [asdict(log) for log in done.lost_logs]
    return {to_camel(name): value for name, value in asdict(done).items()} | {"lostLogs": logs}


def _describe(done: Recovery) -> Iterator[str]:
    if not done.went_back:
        yield "Nothing is lost: workers may be started."
        return
    yield (
        f"The database went back in time. Epoch {done.new_epoch} begins: workers read "
        f"{done.to_read_again:,} records again."
    )
    yield (
        f"Sends are held: {done.given_up:,} were waiting and {done.lost_sends:,} were asked for "
        "in the lost time; they may have been sent, so they become `unknown`, and nothing of it "
        "is sent again."
    )
    for log in done.lost_logs:
        yield (
            f"Kafka has deleted {log.records:,} records of {log.topic}/{log.partition} that "
            f"{log.service} has not read: `chatia topics accept-reset {log.topic}` goes on."
        )
    yield "Start the workers, look at `chatia status`, and then run `chatia sends resume`."
