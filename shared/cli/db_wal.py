"""`chatia db wal`: whether the server archives its WAL, and how it begins to."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.alias_generators import to_camel
from rich.filesize import decimal

from shared.backup.continuous import server
from shared.backup.continuous.pgbackrest import PgBackRest
from shared.backup.continuous.plain import PlainBackups
from shared.backup.continuous.port import ContinuousBackup
from shared.backup.continuous.server import Archiving, Enabled, Slot
from shared.backup.continuous.targets import format_time
from shared.backup.continuous.wal_folder import find_owner
from shared.backup.places import Folder
from shared.cli import output
from shared.cli.db_backup import explain_backup_errors
from shared.cli.db_connection import run_with_database
from shared.cli.db_continuous import open_wal_folder
from shared.db.engine import create_unpooled_engine
from shared.embedded.accounts import is_root
from shared.settings import BackupSettings

app = typer.Typer(name="wal", help="The archive of the server's WAL.", no_args_is_help=True)

APPLICATION = "chatia db wal"
DEBIAN = "/var/lib/postgresql/"


@app.command()
def status(*, as_json: output.JsonOption = False) -> None:
    """Show whether WAL is archived, how far, what failed, and which slots hold WAL."""
    archiving, slots = asyncio.run(run_with_database(_read))
    if as_json:
        output.print_json(_describe(archiving, slots))
        return
    for line in explain(archiving):
        output.print_line(line)
    if slots:
        output.print_table(
            ("slot", "read", "holds"),
            [(each.name, "yes" if each.is_active else "no", decimal(each.bytes)) for each in slots],
        )


@app.command()
def enable(
    *,
    archive: Annotated[
        str,
        typer.Option(help="The folder that the server writes; else CHATIA_WAL_ARCHIVE."),
    ] = "",
    timeout: Annotated[
        int,
        typer.Option(min=1, max=3600, help="Archive a file that is not full after this, in s."),
    ] = 60,
    as_json: output.JsonOption = False,
) -> None:
    """Let the server archive its WAL, on the machine where it runs; it has to be restarted once.

    The settings are changed by ALTER SYSTEM. With CHATIA_PGBACKREST_STANZA pgbackrest archives,
    else a script does that needs only sh, and zstd to compress.
    """
    with explain_backup_errors():
        enabled = asyncio.run(run_with_database(lambda url: _enable(url, archive, timeout)))
    command = choose_restart_command(enabled.data_directory)
    if as_json:
        output.print_json(
            {
                "changed": enabled.changed,
                "needsRestart": enabled.needs_restart,
                "restart": command if enabled.needs_restart else None,
            }
        )
        return
    for name, value in enabled.changed.items():
        output.print_line(f"{name} = {value}")
    if enabled.needs_restart:
        output.print_line(f"Restart the server: {command}")
    output.print_line("Then: chatia db wal status, and chatia db base-backup")


def choose_restart_command(data_directory: str) -> str:
    """Return the command that restarts the server of a data folder."""
    if data_directory.startswith(DEBIAN):
        major, _, name = data_directory.removeprefix(DEBIAN).strip("/").partition("/")
        if name and "/" not in name:
            return f"{'' if is_root() else 'sudo '}pg_ctlcluster {major} {name} restart"
    if _is_embedded(Path(data_directory)):
        return "Ctrl-C where `chatia up` runs, and `chatia up` again"
    if data_directory:
        return f"pg_ctl restart -D {data_directory}, or as your system starts it"
    return "as your system starts it"


def _is_embedded(data: Path) -> bool:
    """Return whether `chatia up` made a data folder, for root or for another account."""
    return (data.parent / "state").is_file() or (data.parent.parent / "postgres.json").is_file()


async def _read(url: str) -> tuple[Archiving, list[Slot]]:
    engine = create_unpooled_engine(url, APPLICATION)
    async with engine.connect() as conn:
        return await server.read_archiving(conn), list(await server.read_slots(conn))


async def _enable(url: str, archive: str, timeout_s: int) -> Enabled:
    engine = create_unpooled_engine(url, APPLICATION).execution_options(
        isolation_level="AUTOCOMMIT"
    )
    async with engine.connect() as conn:
        await server.check_may_change(conn)
        data = (await server.read_settings(conn)).get("data_directory", "")
        backups, script = _choose(archive)
        await asyncio.to_thread(backups.prepare, find_owner(Path(data)) if data else None)
        if script:
            await server.check_sees(conn, str(script))
        return await server.enable(conn, backups.archive_command, timeout_s)


def _choose(archive: str) -> tuple[ContinuousBackup, Path | None]:
    """Return who archives, and the script of a folder, which the server has to see."""
    settings = BackupSettings()
    if settings.pgbackrest_stanza:
        return PgBackRest(settings.pgbackrest_stanza), None
    folder = open_wal_folder(settings, archive)
    return PlainBackups(Folder(folder.root), folder), folder.root / "archive.sh"


def _describe(archiving: Archiving, slots: list[Slot]) -> dict[str, Any]:
    members = {to_camel(name): value for name, value in asdict(archiving).items()}
    times = {
        "archivedAt": archiving.archived_at.isoformat() if archiving.archived_at else None,
        "failedAt": archiving.failed_at.isoformat() if archiving.failed_at else None,
    }
    state = {"isOn": archiving.is_on, "isFailing": archiving.is_failing}
    held = [{"name": s.name, "isActive": s.is_active, "bytes": s.bytes} for s in slots]
    return members | times | state | {"slots": held}


def explain(archiving: Archiving) -> Iterator[str]:
    """Yield what is said about the archive, without the slots."""
    if not archiving.is_on:
        yield (
            f"WAL is not archived (archive_mode {archiving.mode}): run `chatia db wal enable`; "
            "if it ran, restart the server."
        )
        return
    if archiving.waits_for_promotion:
        yield (
            f"The server is a standby, which archives nothing with archive_mode = {archiving.mode}"
            "; after its promotion it does."
        )
        return
    wait = f"after {archiving.timeout_s} s at most" if archiving.timeout_s else "only when full"
    yield f"WAL is archived, {wait}; {archiving.archived:,} files so far."
    if archiving.archived_at:
        behind = "" if archiving.lag_bytes is None else f", {decimal(archiving.lag_bytes)} behind"
        yield (
            f"The last one was {archiving.last_archived}, {archiving.lag_s or 0:.0f} s ago "
            f"({format_time(archiving.archived_at)}){behind}."
        )
    if archiving.failed_at:
        now = "The archive fails" if archiving.is_failing else "It works again"
        yield (
            f"{now}: {archiving.failures:,} failures, the last one of {archiving.last_failed} "
            f"at {format_time(archiving.failed_at)}; the server's log says why."
        )
