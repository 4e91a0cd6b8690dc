"""`chatia db backup`, `backups` and `restore`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from shared.backup import errors, restoration
from shared.backup.catalogue import Entry, list_backups
from shared.backup.creation import Backup, BackupOrder, Progress, create_backup
from shared.backup.daily import back_up_daily
from shared.backup.manifest import Kind
from shared.backup.places import Place, open_place, split_address
from shared.backup.restore_rules import RestoreOrder
from shared.backup.retention import EXAMPLE, Keep
from shared.cli import output
from shared.cli.db_connection import run_with_database
from shared.cli.errors import (
    CheckFailedError,
    CommandError,
    ConflictError,
    DependencyFailedError,
    InvalidUsageError,
    RefusedError,
)
from shared.cli.options import expand_option_groups
from shared.settings import BackupSettings

ERRORS: dict[type[errors.BackupError], type[CommandError]] = {
    errors.ProgramError: DependencyFailedError,
    errors.PlaceError: DependencyFailedError,
    errors.UnknownPlaceError: InvalidUsageError,
    errors.ForeignBackupError: InvalidUsageError,
    errors.DamagedBackupError: CheckFailedError,
    errors.RefusalError: RefusedError,
    errors.BusyDatabaseError: ConflictError,
}

PlaceOption = Annotated[
    str,
    typer.Option(
        "--to",
        help="A folder, or s3://, gs:// or az:// with bucket and prefix; else CHATIA_BACKUPS.",
    ),
]


@dataclass(frozen=True, slots=True)
class Parts:
    """Which part of the database; without any, all of it."""

    schema_only: Annotated[bool, typer.Option("--schema-only", help="No rows.")] = False
    data_only: Annotated[bool, typer.Option("--data-only", help="Rows alone.")] = False

    def choose(self, company: int | None = None) -> Kind | None:
        """Return the part, None for all; raises InvalidUsageError for more than one."""
        chosen = {
            Kind.SCHEMA: self.schema_only,
            Kind.DATA: self.data_only,
            Kind.COMPANY: company is not None,
        }
        parts = [kind for kind, is_chosen in chosen.items() if is_chosen]
        if len(parts) > 1:
            raise InvalidUsageError("Choose one part: --schema-only, --data-only or --company.")
        return parts[0] if parts else None


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a timer asks for."""

    daily: Annotated[
        bool,
        typer.Option("--daily", help="For timers: does nothing if there is one of today (UTC)."),
    ] = False
    keep: Annotated[
        str,
        typer.Option(help=f"With --daily: remove old ones, except of so many days, as {EXAMPLE}."),
    ] = ""

    def parse_keep(self, part: Kind | None) -> Keep | None:
        """Return what is kept, None for everything."""
        if self.keep and not self.daily:
            raise InvalidUsageError("--keep is for --daily.")
        if self.daily and part is not None:
            raise InvalidUsageError("--daily makes full backups: leave the part out.")
        try:
            return Keep.parse(self.keep) if self.keep else None
        except ValueError as error:
            raise InvalidUsageError(f"--keep {error}.") from error


@expand_option_groups
def backup(
    parts: Parts,
    schedule: Schedule,
    *,
    to: PlaceOption = "",
    company: Annotated[
        int | None, typer.Option(min=1, help="The rows of one company, by its id.")
    ] = None,
    encrypt_to: Annotated[
        str, typer.Option(help="An age or SSH key, else the name of a GPG key.")
    ] = "",
    as_json: output.JsonOption = False,
) -> None:
    """Back up the database into a new folder, with a manifest to prove a restore.

    Rows and checksums are of one moment. A backup that is broken off has no manifest, and is never
    taken for a good one.
    """
    part = parts.choose(company)
    keep = schedule.parse_keep(part)
    order = BackupOrder(part or Kind.FULL, company, encrypt_to)
    with explain_backup_errors(), show_progress("Backing up") as progress:
        place = open_backups(to)
        if schedule.daily:
            done = asyncio.run(
                run_with_database(lambda url: back_up_daily(url, place, order, keep, progress))
            )
            made, is_new, removed = done.backup, done.is_new, list(done.removed)
        else:
            made = asyncio.run(
                run_with_database(lambda url: create_backup(url, place, order, progress))
            )
            is_new, removed = True, []
    where = place.describe(made.folder)
    if as_json:
        output.print_json(_describe(made) | {"where": where, "new": is_new, "removed": removed})
        return
    output.print_line(_format_made(made, where) if is_new else f"There is one of today: {where}.")
    for folder in removed:
        output.print_line(f"Removed: {place.describe(folder)}")


def backups(*, to: PlaceOption = "", as_json: output.JsonOption = False) -> None:
    """List the backups of a place, the oldest first, and say which are no good."""
    with explain_backup_errors():
        entries = list_backups(open_backups(to))
    if as_json:
        output.print_json([_describe_entry(entry) for entry in entries])
        return
    output.print_table(
        ("backup", "rows", "size", "encrypted", "state"),
        [
            (
                entry.folder,
                entry.manifest.rows if entry.manifest else 0,
                decimal(entry.manifest.file.size) if entry.manifest else "",
                (entry.manifest.encryption if entry.manifest else "") or "no",
                entry.trouble or "good",
            )
            for entry in entries
        ],
        shrinks="state",
        optional=("encrypted", "size"),
    )


@expand_option_groups
def restore(
    backup: Annotated[str, typer.Argument(help="The folder of a backup, or its URL.")],
    parts: Parts,
    *,
    into_existing: Annotated[
        bool,
        typer.Option(
            "--into-existing",
            help="Replace all that the database has; for a company, add it to the others.",
        ),
    ] = False,
    identity: Annotated[str, typer.Option(help="The file with the key for age.")] = "",
    as_json: output.JsonOption = False,
) -> None:
    """Restore a backup into an empty database, and prove that it has the same rows.

    All is one transaction: if it fails or is broken off, the database is as it was.
    """
    order = RestoreOrder(parts.choose(), into_existing, identity)
    with explain_backup_errors(), show_progress("Restoring") as progress:
        place, folder = split_address(backup)
        restored = asyncio.run(
            run_with_database(
                lambda url: restoration.restore_backup(url, place, folder, order, progress)
            )
        )
    tables = len(restored.manifest.tables) if restored.rows else 0
    if as_json:
        output.print_json({"part": restored.part, "rows": restored.rows, "tables": tables})
        return
    output.print_line(
        f"Restored: {restored.part}, {restored.rows} rows of {tables} tables; counts and checksums "
        "are those of the backup."
        if restored.rows
        else f"Restored: {restored.part}."
    )
    if restored.part in {Kind.FULL, Kind.SCHEMA}:
        output.print_line("Next: `chatia db upgrade`, then `chatia db roles` for the logins.")
    if restored.part in {Kind.FULL, Kind.DATA}:
        output.print_line(
            "Then, before workers start: `chatia db recover --finish` (docs/database.md)."
        )


def open_backups(address: str) -> Place:
    """Return the place of an address, else that of CHATIA_BACKUPS."""
    address = address or BackupSettings().place
    if not address:
        raise InvalidUsageError("Say where backups are: set CHATIA_BACKUPS, or use --to.")
    return open_place(address)


@contextmanager
def explain_backup_errors() -> Iterator[None]:
    """Convert errors of backups and archives to errors of commands."""
    try:
        yield
    except errors.BackupError as error:
        raise ERRORS[type(error)](str(error)) from error


@contextmanager
def show_progress(what: str) -> Iterator[Progress]:
    """Show a bar of the bytes that were read, on terminals only."""
    with output.build_progress_bar() as bars:
        task = bars.add_task(f"{what} (MB)", total=None)

        def advance(read: int, in_all: int) -> None:
            bars.update(task, advance=read / 1e6, total=round(in_all / 1e6, 1))

        yield advance


def _format_made(made: Backup, where: str) -> str:
    manifest = made.manifest
    seconds = (manifest.finished_at - manifest.started_at).total_seconds()
    size = decimal(manifest.file.size)
    return f"Backed up {manifest.rows} rows into {size} in {seconds:.1f} s: {where}"


def _describe(made: Backup) -> dict[str, Any]:
    manifest = made.manifest
    return {
        "backup": made.folder,
        "kind": manifest.kind,
        "company": manifest.company,
        "rows": manifest.rows,
        "bytes": manifest.file.size,
        "encryption": manifest.encryption,
        "begunAt": manifest.started_at.isoformat(),
        "finishedAt": manifest.finished_at.isoformat(),
    }


def _describe_entry(entry: Entry) -> dict[str, Any]:
    about: dict[str, Any] = {"backup": entry.folder, "good": not entry.trouble}
    if entry.manifest:
        about = _describe(Backup(entry.folder, entry.manifest)) | about
    return about | {"trouble": entry.trouble or None}
