"""Runs Postgres on a recovered folder for a drill: nobody else reaches it, it archives nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy import URL, make_url

from shared.backup.continuous.data_folder import change_owner
from shared.backup.errors import DamagedBackupError, RefusalError
from shared.backup.programs import ClientPrograms
from shared.embedded.accounts import find_account
from shared.embedded.errors import EmbeddedError
from shared.embedded.processes import Guarded, StopSignals

POLL_S = 0.1
REPLAY_LIMIT_S = 6 * 3600.0
PROMOTE_LIMIT_S = 600.0
STOP_SIGNALS = StopSignals(signal.SIGINT, signal.SIGQUIT, grace_s=60)
# A standby refuses lower values than those of the server that wrote the WAL.
KEPT = (
    *("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions"),
    "max_locks_per_transaction",
)
# On the command line, so that they override what the server's own files say.
OWN = {
    "listen_addresses": "",
    "port": "5432",
    "archive_mode": "off",
    "ssl": "off",
    "shared_preload_libraries": "",
    "logging_collector": "off",
    "hot_standby": "on",
    "primary_conninfo": "",
}
IS_PAUSED = "SELECT pg_is_in_recovery() AND pg_get_wal_replay_pause_state() = 'paused'"
IS_PROMOTED = "SELECT NOT pg_is_in_recovery()"
PROMOTE = "SELECT pg_promote(false)"


@dataclass(frozen=True, slots=True)
class RecoveredServer:
    """A server that recovers; `url` is for SQLAlchemy."""

    process: Guarded
    url: URL

    @property
    def address(self) -> str:
        """Return the URL as text; it needs no password."""
        return self.url.render_as_string(hide_password=False)

    async def wait_until_paused(self) -> None:
        """Wait until it has replayed WAL up to its target."""
        await self._wait_for(IS_PAUSED, REPLAY_LIMIT_S)

    async def promote(self) -> None:
        """End the recovery, and wait until it takes writes."""
        await self.ask(PROMOTE)
        await self._wait_for(IS_PROMOTED, PROMOTE_LIMIT_S)

    async def ask(self, query: str) -> object:
        """Return one value."""
        socket = str(self.url.query["host"])
        conn = await asyncpg.connect(
            host=socket, user=self.url.username, database=self.url.database, timeout=10
        )
        try:
            return await conn.fetchval(query)
        finally:
            await conn.close()

    async def _wait_for(self, query: str, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                while not await self.is_true(query):  # noqa: ASYNC110 - Postgres tells nobody
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise DamagedBackupError(
                f"The recovered server was not ready within {limit_s:.0f} s."
            ) from None

    async def is_true(self, query: str) -> bool:
        """Return whether a query is true; raises DamagedBackupError if the server has ended."""
        if self.process.poll() is not None:
            said = self.process.log_path.read_text("utf-8", "replace").splitlines()
            last = said[-1] if said else "it wrote no log"
            reason = next((line for line in reversed(said) if "FATAL:" in line), last)
            raise DamagedBackupError(
                f"The recovered server ended: {reason.rpartition('FATAL:')[2].strip()}."
            )
        try:
            return bool(await self.ask(query))
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False  # it does not take connections yet


@asynccontextmanager
async def run_recovered(
    data: Path, url: str, programs: ClientPrograms, settings: Mapping[str, str]
) -> AsyncIterator[RecoveredServer]:
    """Start Postgres on a recovered folder, with a socket beside it as its only address.

    `settings` are those of the server that was backed up, `url` names its user and database.
    """
    run = data.with_name("run")
    run.mkdir(mode=0o700)
    for name in ("postgresql.conf", "pg_ident.conf"):
        (run / name).touch()
    (run / "pg_hba.conf").write_text("local all all trust\n", "utf-8")
    change_owner(run)
    options = OWN | {name: settings[name] for name in KEPT if name in settings}
    options |= {
        "unix_socket_directories": str(run),
        "config_file": str(run / "postgresql.conf"),
        "hba_file": str(run / "pg_hba.conf"),
        "ident_file": str(run / "pg_ident.conf"),
        "data_directory": str(data),
    }
    parsed = make_url(url)
    there = URL.create(
        "postgresql", parsed.username, database=parsed.database, query={"host": str(run)}
    )
    try:
        process = await asyncio.to_thread(
            Guarded.start,
            [programs.locate("postgres"), *(f"-c{name}={text}" for name, text in options.items())],
            log_path=run / "postgres.log",
            env={"PATH": str(programs.folder), "TZ": "UTC", "LC_ALL": "C"},
            cwd=Path("/"),
            user=find_account(),
            stop_signals=STOP_SIGNALS,
        )
    except EmbeddedError as error:
        raise RefusalError(str(error)) from error
    try:
        yield RecoveredServer(process, there)
    finally:
        await asyncio.to_thread(process.stop, STOP_SIGNALS.grace_s)
