"""`chatia db base-backup`, `verify` and `drill`: backups for a recovery to a point in time."""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.alias_generators import to_camel
from rich.filesize import decimal

from shared.backup.catalogue import list_backups
from shared.backup.continuous import drill as drills
from shared.backup.continuous.drill import Drilled
from shared.backup.continuous.pgbackrest import PgBackRest
from shared.backup.continuous.plain import PlainBackups
from shared.backup.continuous.port import BaseBackup, ContinuousBackup, Progress, Verified
from shared.backup.continuous.targets import format_time
from shared.backup.continuous.wal_folder import WalFolder
from shared.backup.manifest import Kind
from shared.backup.restoration import check_file
from shared.cli import output
from shared.cli.db_backup import PlaceOption, explain_backup_errors, open_backups, show_progress
from shared.cli.db_connection import run_with_database
from shared.cli.errors import CheckFailedError, InvalidUsageError
from shared.doctor.findings import count
from shared.settings import BackupSettings

RecipientOption = Annotated[
    str, typer.Option("--encrypt-to", help="An age or SSH key, else the name of a GPG key.")
]
IdentityOption = Annotated[str, typer.Option(help="The file with the key for age.")]


def open_continuous(to: str = "", recipient: str = "", identity: str = "") -> ContinuousBackup:
    """Return pgbackrest if a stanza is set, else base backups in a place and WAL in a folder."""
    settings = BackupSettings()
    if settings.pgbackrest_stanza:
        return PgBackRest(settings.pgbackrest_stanza)
    return PlainBackups(open_backups(to), open_wal_folder(settings), recipient, identity)


def open_wal_folder(settings: BackupSettings, archive: str = "") -> WalFolder:
    """Return the folder of the WAL; raises InvalidUsageError if none is set."""
    folder = archive or settings.wal_archive
    if not folder:
        raise InvalidUsageError(
            "Say into which folder the server copies its WAL: set CHATIA_WAL_ARCHIVE."
        )
    return WalFolder(Path(folder).absolute())


def base_backup(
    *,
    to: PlaceOption = "",
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Then remove all but so many of the newest, and WAL before them."),
    ] = None,
    encrypt_to: RecipientOption = "",
    identity: IdentityOption = "",
    as_json: output.JsonOption = False,
) -> None:
    """Copy all files of the server, from which WAL leads to any later point in time.

    The server has to archive its WAL: `chatia db wal enable`. Every file is compared with Postgres'
    own checksum while it is copied.
    """
    with explain_backup_errors(), show_progress("Copying") as progress:
        backups = open_continuous(to, encrypt_to, identity)
        made = asyncio.run(run_with_database(lambda url: backups.create_base(url, progress)))
        removed = backups.remove_old(keep) if keep else []
    if as_json:
        output.print_json(_describe_base(made) | {"removed": list(removed)})
        return
    seconds = (made.finished_at - made.started_at).total_seconds()
    output.print_line(
        f"Copied the server into {decimal(made.stored_bytes)} in {seconds:.1f} s: {made.where}"
    )
    output.print_line(f"It can be recovered to {format_time(made.finished_at)} and later.")
    for name in removed:
        output.print_line(f"Removed: {name}")


def verify(
    *,
    to: PlaceOption = "",
    identity: IdentityOption = "",
    as_json: output.JsonOption = False,
) -> None:
    """Read the newest backups back: all files, and the WAL since the base backup without a gap.

    Exit code 1 if anything is damaged or missing. The database is not needed.
    """
    settings = BackupSettings()
    is_continuous = bool(settings.pgbackrest_stanza or settings.wal_archive)
    with explain_backup_errors(), show_progress("Reading") as progress:
        dump = _verify_dump(to, progress)
        base = open_continuous(to, identity=identity).verify(progress) if is_continuous else None
    if dump is None and base is None:
        raise CheckFailedError("There is no good backup to verify: run `chatia db backup`.")
    if as_json:
        described = _describe_verified(base) if base else None
        output.print_json({"backup": dump, "baseBackup": described})
        return
    if dump:
        output.print_line(f"{dump} is what its manifest says.")
    for line in _explain_verified(base) if base else ():
        output.print_line(line)


def drill(
    *,
    to: PlaceOption = "",
    scratch: Annotated[
        Path | None,
        typer.Option(
            help="Where the recovered server is made and removed: needs room for all its data."
        ),
    ] = None,
    encrypt_to: RecipientOption = "",
    identity: IdentityOption = "",
    as_json: output.JsonOption = False,
) -> None:
    """Prove that a recovery to a point in time works: back up, write, recover, compare.

    The server goes on meanwhile. The base backup stays, everything else is removed. Exit code 1 if
    the recovered rows are not exactly those committed before the point.
    """
    folder = (scratch or Path(tempfile.gettempdir())).absolute()
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise InvalidUsageError(f"--scratch: there is no folder {folder} that can be written.")
    with explain_backup_errors(), show_progress("Copying") as progress:
        backups = open_continuous(to, encrypt_to, identity)
        found = asyncio.run(
            run_with_database(lambda url: drills.drill(url, backups, folder, progress))
        )
    if as_json:
        output.print_json(_describe_drilled(found))
    else:
        for line in _explain_drilled(found):
            output.print_line(line)
    if found.problems:
        raise CheckFailedError(f"The drill failed: {'; '.join(found.problems)}.")


def _verify_dump(to: str, progress: Progress) -> str | None:
    """Read the newest full backup back; return its name, None if there is none.

    Raises InvalidUsageError without a place, which only pgbackrest does not need.
    """
    settings = BackupSettings()
    if settings.pgbackrest_stanza and not (to or settings.place):
        return None
    place = open_backups(to)
    for entry in reversed(list_backups(place)):
        if entry.manifest and entry.manifest.kind is Kind.FULL and not entry.trouble:
            check_file(place, entry.folder, entry.manifest, progress)
            return entry.folder
    return None


def _describe_base(base: BaseBackup) -> dict[str, Any]:
    return {
        "backup": base.name,
        "where": base.where,
        "bytes": base.stored_bytes,
        "begunAt": base.started_at.isoformat(),
        "finishedAt": base.finished_at.isoformat(),
    }


def _describe_verified(found: Verified) -> dict[str, Any]:
    return _describe_base(found.base) | {
        "files": found.files,
        "walFiles": found.wal_files,
        "until": found.until.isoformat() if found.until else None,
        "remarks": list(found.remarks),
    }


def _explain_verified(found: Verified) -> Iterator[str]:
    files = f", {found.files:,} files" if found.files else ""
    yield f"{found.base.name} is what its manifest says{files}."
    if found.wal_files:
        until = f", to the transaction of {format_time(found.until)}" if found.until else ""
        yield f"{count(found.wal_files, 'file')} of WAL without a gap{until}."
    yield from found.remarks


def _describe_drilled(found: Drilled) -> dict[str, Any]:
    members = {to_camel(name): value for name, value in asdict(found).items()}
    return members | {
        "point": found.point.isoformat(),
        "rtoS": found.rto_s,
        "succeeded": not found.problems,
    }


def _explain_drilled(found: Drilled) -> Sequence[str]:
    changing = (
        f"; {found.tables_changing} changed meanwhile and were not compared"
        if found.tables_changing
        else ""
    )
    compared = (
        f"{found.rows_before} rows were committed before it and {found.rows_after} after it; "
        f"{found.tables_compared} tables were compared{changing}."
    )
    rto = (
        f"RTO {found.rto_s:.1f} s: {found.restore_s:.1f} s to restore, {found.replay_s:.1f} s to "
        f"replay, {found.promote_s:.1f} s to promote. The base backup took {found.backup_s:.1f} s."
    )
    rpo = (
        "RPO without limit: archive_timeout is 0, so that WAL waits until a file is full."
        if found.rpo_s is None
        else f"RPO {found.rpo_s:.1f} s: archive_timeout, and {found.archive_s:.1f} s to archive."
    )
    return [
        f"Recovered to {format_time(found.point)} from {found.base}.",
        compared,
        rpo,
        rto,
    ]
