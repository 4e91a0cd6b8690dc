"""Runs PostgreSQL on this machine, reachable by TCP on loopback with a password."""

import hmac
import locale
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

from shared.embedded import accounts, folders, postgres_binaries, ready
from shared.embedded.errors import EmbeddedError, StartError
from shared.embedded.postgres_binaries import Binaries
from shared.embedded.processes import Guarded, StopSignals
from shared.embedded.progress import Reporter, SilentReporter

NAME = "chatia"  # of the database and of its owner
LIMIT_S = 60.0
ORPHAN_WAIT_S = 5.0
CTYPES = ("C.UTF-8", "en_US.UTF-8")  # the first one that this system supports is used
# SIGINT is the fast shutdown, SIGQUIT the immediate one: both also end the children.
STOP_SIGNALS = StopSignals(signal.SIGINT, signal.SIGQUIT, grace_s=20)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # JIT compilation costs more than it saves for short statements
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Postgres:
    """A running server; the port stays the same through `restart`."""

    binaries: Binaries
    cluster: folders.Cluster
    log_path: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    keep_fds: Sequence[int] = ()
    process: Guarded | None = None

    @property
    def url(self) -> str:
        """Return the URL; it contains the password: never print it."""
        return f"postgresql://{NAME}:{self.cluster.password}@127.0.0.1:{self.port}/{NAME}"

    def derive_password(self, role: str) -> str:
        """Return a role's password, derived from the owner's: the same after every start."""
        return hmac.digest(self.cluster.password.encode(), role.encode(), "sha256").hex()

    def run(self) -> None:
        """Start the server, wait until it answers SQL, and create the database if it is missing."""
        process = self.launch()
        try:
            ready.wait_until(self.is_ready, process, "PostgreSQL", LIMIT_S)
        except BaseException:
            self.kill()
            raise

    def launch(self) -> Guarded:
        """Start the server without waiting for it."""
        if not self.cluster.data.exists():
            self._create_cluster()
        _end_orphans(self.cluster.data.resolve())
        options = [f"-c{name}={value}" for name, value in (SETTINGS | dict(self.settings)).items()]
        self.process = self._start_program(
            "postgres", "-D", str(self.cluster.data), f"-p{self.port}", *options
        )
        return self.process

    def is_ready(self) -> bool:
        """Return whether the server answers SQL; creates the database if it is missing."""
        return ready.is_answering(self.port) and ready.run_coroutine(_has_database(self.url))

    def stop(self) -> None:
        """Stop it cleanly (fast shutdown); does nothing if it has ended."""
        if self.process is not None:
            self.process.stop(STOP_SIGNALS.grace_s)

    def kill(self) -> None:
        """Kill it with SIGKILL; its child processes end by themselves."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop it cleanly if it runs, and start it on the same data and port."""
        self.stop()
        self.run()

    def _create_cluster(self) -> None:
        """Create the data folder under another name and rename it, so that it is complete."""
        draft = self.cluster.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password_file = self.cluster.folder / f"password-{secrets.token_hex(4)}"
        folders.write_private_file(password_file, self.cluster.password)
        self.cluster.change_owner(password_file)
        try:
            initdb = self._start_program(
                "initdb",
                *(
                    "-D",
                    str(draft),
                    "-U",
                    NAME,
                    "--auth=scram-sha-256",
                    f"--pwfile={password_file}",
                ),
                *("--encoding=UTF8", *_choose_locale()),
            )
            if initdb.finish(LIMIT_S):
                raise StartError(f"PostgreSQL cannot create its data folder: see {self.log_path}.")
        finally:
            password_file.unlink()
        draft.rename(self.cluster.data)

    def _start_program(self, name: str, *arguments: str) -> Guarded:
        return Guarded.start(
            [str(self.binaries.folder / name), *arguments],
            log_path=self.log_path,
            env={"PATH": str(self.binaries.folder), "TZ": "UTC", "LC_MESSAGES": "C"},
            cwd=Path("/"),
            user=accounts.find_account(),
            stop_signals=STOP_SIGNALS,
            keep_fds=self.keep_fds,
        )


def start(
    state: Path,
    *,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
    progress: Reporter | None = None,
) -> Postgres:
    """Find or download PostgreSQL, and run it on the data of `state`."""
    binaries = postgres_binaries.find(progress or SilentReporter())
    server = prepare(state, binaries, durable=durable, settings=settings)
    server.run()
    return server


def prepare(
    state: Path,
    binaries: Binaries,
    *,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
    keep_fds: Sequence[int] = (),
) -> Postgres:
    """Return a server, not started, for the data of `state`."""
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    cluster = folders.Cluster.load_or_create(state)
    cluster.prepare(state)
    folders.delete_orphaned_clusters()
    _check_version(cluster.data, binaries)
    return Postgres(
        binaries=binaries,
        cluster=cluster,
        log_path=state / "logs" / "postgres.log",
        port=ready.find_free_ports(1)[0],
        settings=({} if durable else NOT_DURABLE) | dict(settings or {}),
        keep_fds=keep_fds,
    )


def _choose_locale() -> Sequence[str]:
    """Return options to sort by code point, with a ctype of Unicode letters (for pg_trgm)."""
    before = locale.setlocale(locale.LC_CTYPE)
    for name in CTYPES:
        try:
            locale.setlocale(locale.LC_CTYPE, name)
        except locale.Error:
            continue
        finally:
            locale.setlocale(locale.LC_CTYPE, before)
        return ("--locale=C", f"--lc-ctype={name}")
    return ("--locale=C",)


def _check_version(data: Path, binaries: Binaries) -> None:
    version = data / "PG_VERSION"
    if version.exists() and (made := version.read_text("utf-8").strip()) != str(binaries.major):
        raise EmbeddedError(
            f"{data} was created by PostgreSQL {made} and this is {binaries.major}: "
            f"install PostgreSQL {made} again, or delete the state folder for an empty one."
        )


def _end_orphans(data: Path) -> None:
    """End processes of an earlier server, and delete its postmaster.pid.

    Postgres refuses to start while that pid exists, even as a zombie or as another program. The
    caller has locked the state folder, so processes in the data folder have lost their guard.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    orphans = [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(data)]
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.send_signal(number)
        _, orphans = psutil.wait_procs(orphans, timeout=ORPHAN_WAIT_S)
    pid_file.unlink(missing_ok=True)


async def _has_database(url: str) -> bool:
    """Return whether the server answers; creates the database if it is missing."""
    try:
        connection = await asyncpg.connect(url.removesuffix(NAME) + "postgres", timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", NAME):
            await connection.execute(f"CREATE DATABASE {NAME}")
        return True
    finally:
        await connection.close()
