"""A real PostgreSQL on this machine, reachable by TCP on loopback with a password."""

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

from shared.embedded import places, postgres_binaries, ready
from shared.embedded.errors import EmbeddedError, StartError
from shared.embedded.postgres_binaries import Binaries
from shared.embedded.processes import Ending, Guarded
from shared.embedded.progress import Reporter, Silent

NAME = "chatia"  # of the database and of its owner
LIMIT_S = 60.0
ORPHANS_S = 5.0
LETTERS = ("C.UTF-8", "en_US.UTF-8")  # the first that this system knows
# SIGINT is its fast shutdown, SIGQUIT its immediate one: both take the children along.
ENDING = Ending(signal.SIGINT, signal.SIGQUIT, grace_s=20)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # batches are short: compiling one takes longer than it saves
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Postgres:
    """A running server; the port stays the same through `restart`."""

    binaries: Binaries
    cluster: places.Cluster
    log_path: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    keep_fds: Sequence[int] = ()
    process: Guarded | None = None

    @property
    def url(self) -> str:
        """How to reach it; holds the password, so it is never printed."""
        return f"postgresql://{NAME}:{self.cluster.password}@127.0.0.1:{self.port}/{NAME}"

    def password_of(self, role: str) -> str:
        """Derive a role's password from the owner's, so that it is the same after every start."""
        return hmac.digest(self.cluster.password.encode(), role.encode(), "sha256").hex()

    def run(self) -> None:
        """Start the server, wait until it answers SQL, and make sure of the database."""
        if not self.cluster.data.exists():
            self._init()
        _end_orphans(self.cluster.data.resolve())
        options = [f"-c{name}={value}" for name, value in (SETTINGS | dict(self.settings)).items()]
        self.process = self._program(
            "postgres", "-D", str(self.cluster.data), f"-p{self.port}", *options
        )
        try:
            ready.wait_until(self._is_ready, self.process, "PostgreSQL", LIMIT_S)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order (fast shutdown); again is harmless."""
        if self.process is not None:
            self.process.stop(ENDING.grace_s)

    def kill(self) -> None:
        """End it as a power cut would; its children notice and follow."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Run it again on the same data and port, stopped in order if it still runs."""
        self.stop()
        self.run()

    def _init(self) -> None:
        """Make the data folder under another name first: half a one is never taken for whole."""
        draft = self.cluster.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        word = self.cluster.folder / f"word-{secrets.token_hex(4)}"
        places.write_private(word, self.cluster.password)
        self.cluster.give(word)
        try:
            made = self._program(
                "initdb",
                *("-D", str(draft), "-U", NAME, "--auth=scram-sha-256", f"--pwfile={word}"),
                *("--encoding=UTF8", *_locale()),
            )
            if made.finish(LIMIT_S):
                raise StartError(f"PostgreSQL cannot make its folder: see {self.log_path}.")
        finally:
            word.unlink()
        draft.rename(self.cluster.data)

    def _program(self, name: str, *arguments: str) -> Guarded:
        return Guarded.start(
            [str(self.binaries.folder / name), *arguments],
            log_path=self.log_path,
            env={"PATH": str(self.binaries.folder), "TZ": "UTC", "LC_MESSAGES": "C"},
            cwd=Path("/"),
            user=places.account(),
            ending=ENDING,
            keep_fds=self.keep_fds,
        )

    def _is_ready(self) -> bool:
        return ready.answers(self.port) and ready.ask(_has_database(self.url))


def start(
    state: Path,
    *,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
    progress: Reporter | None = None,
) -> Postgres:
    """Find or fetch PostgreSQL, and run it on the data that belongs to `state`."""
    binaries = postgres_binaries.find(progress or Silent())
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
    """Make a server for the data that belongs to `state`, not started yet."""
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    cluster = places.Cluster.of(state)
    cluster.prepare(state)
    places.sweep()
    _check_version(cluster.data, binaries)
    return Postgres(
        binaries=binaries,
        cluster=cluster,
        log_path=state / "logs" / "postgres.log",
        port=ready.free_ports(1)[0],
        settings=({} if durable else NOT_DURABLE) | dict(settings or {}),
        keep_fds=keep_fds,
    )


def _locale() -> Sequence[str]:
    """Sort by code point, but know letters beyond ASCII as letters (pg_trgm needs it)."""
    before = locale.setlocale(locale.LC_CTYPE)
    for name in LETTERS:
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
            f"{data} was made by PostgreSQL {made} and this is {binaries.major}: "
            f"install PostgreSQL {made} again, or delete the state folder to start anew."
        )


def _end_orphans(data: Path) -> None:
    """Settle what a postmaster.pid of an earlier life says, before Postgres refuses for it.

    It refuses where that pid is in use, be it by a zombie that nobody reaps or by a stranger. The
    caller holds the state folder, so whatever still works in the data lost its guard to a SIGKILL.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    orphans = [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(data)]
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.send_signal(number)
        _, orphans = psutil.wait_procs(orphans, timeout=ORPHANS_S)
    pid_file.unlink(missing_ok=True)


async def _has_database(url: str) -> bool:
    """Whether the server answers; makes the database where there is none yet."""
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
