"""Runs Kafka and Postgres together, on one state folder that one process uses at a time."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

from shared.db.roles import READER, ROLES, name_role
from shared.embedded import folders, mock_broker, postgres_binaries
from shared.embedded import kafka as kafka_server
from shared.embedded import postgres as postgres_server
from shared.embedded.errors import AlreadyRunningError, UnreachableError
from shared.embedded.kafka import Kafka
from shared.embedded.mock_broker import MockBroker
from shared.embedded.postgres import Postgres
from shared.embedded.processes import Guarded
from shared.embedded.progress import Reporter, SilentReporter
from shared.embedded.runtime import RUNTIME_FILE

LOCK_FILE = "lock"
HANDOVER_S = 40.0  # time for the guards of a killed process to stop its servers
PAUSE_S = 0.1


@dataclass
class Servers:
    """The running servers, and how to reach them."""

    state: Path
    lock_fd: int
    kafka: Kafka | MockBroker | None = None
    postgres: Postgres | None = None
    notes: tuple[str, ...] = ()
    _spawned: list[Guarded] = field(default_factory=list)

    @property
    def kafka_is_real(self) -> bool:
        """Return whether it is Kafka; False for the mock broker."""
        return isinstance(self.kafka, Kafka)

    @property
    def kafka_bootstrap(self) -> str:
        """Return the address of Kafka; empty without Kafka."""
        return self.kafka.bootstrap if self.kafka else ""

    @property
    def database_url(self) -> str:
        """Return the URL of Postgres, with the password; empty without Postgres."""
        return self.postgres.url if self.postgres else ""

    @property
    def role_passwords(self) -> dict[str, str]:
        """Return the passwords for the roles of an embedded Postgres; empty without it."""
        server = self.postgres
        return {role: server.derive_password(role) for role in ROLES} if server else {}

    def build_environment(self) -> dict[str, str]:
        """Return environment variables to reach the servers, as the owner and as a reader."""
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap,
            "DATABASE_URL": self.database_url,
        }
        if self.postgres:
            variables["DB_READER_USER"] = name_role(postgres_server.NAME, READER)
            variables["DB_READER_PASS"] = self.postgres.derive_password(READER)
        return {name: value for name, value in variables.items() if value}

    def spawn(
        self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None
    ) -> Guarded:
        """Start a worker with these servers; it is stopped before them."""
        worker = Guarded.start(
            argv,
            log_path=self.state / "logs" / f"{name}.log",
            env=os.environ | self.build_environment() | dict(env or {}),
            keep_fds=(self.lock_fd,),
        )
        self._spawned = [each for each in self._spawned if each.poll() is None]
        self._spawned.append(worker)
        return worker

    def stop_spawned(self) -> None:
        """Stop the processes that `spawn` started, all at the same time."""
        if self._spawned:
            with ThreadPoolExecutor(len(self._spawned)) as pool:
                list(pool.map(Guarded.stop, self._spawned))  # raises what a stop raised
        self._spawned = []

    def write_runtime_file(self, more: Mapping[str, Any] | None = None) -> None:
        """Write runtime.json: the pid, the servers' variables, and `more` members."""
        content = {"pid": os.getpid(), "kafka_is_real": self.kafka_is_real}
        content |= self.build_environment() | dict(more or {})
        folders.write_private_file(self.state / RUNTIME_FILE, json.dumps(content, indent=2))


def _check_nothing() -> None:
    """Do nothing."""


@contextmanager
def run_servers(  # noqa: PLR0913 - options, each by its name
    state: Path,
    *,
    kafka: bool = True,
    postgres: bool = True,
    durable: bool = True,
    progress: Reporter | None = None,
    mock_topics: Mapping[str, int] | None = None,
    check_first: Callable[[], None] = _check_nothing,
) -> Iterator[Servers]:
    """Run the servers on a state folder until the block ends.

    `check_first` is called when the folder is locked, before anything starts. With `mock_topics`
    (names and numbers of partitions) a mock broker runs if Kafka is neither cached nor
    downloadable. Starting and stopping block: do not call it in an event loop.
    """
    state, progress = state.absolute(), progress or SilentReporter()
    with ExitStack() as stack:
        servers = Servers(state, stack.enter_context(_lock_state(state)))
        check_first()
        if kafka:
            servers.kafka = _launch_kafka(servers, progress, mock_topics)
            stack.callback(servers.kafka.stop)
        if postgres:
            servers.postgres = _prepare_postgres(servers, progress, durable=durable)
            stack.callback(servers.postgres.stop)
            servers.postgres.run()
        if isinstance(servers.kafka, Kafka):  # it has started beside Postgres
            servers.kafka.wait()
        stack.callback(servers.stop_spawned)
        stack.enter_context(_write_runtime_file(servers))
        yield servers


def _launch_kafka(
    servers: Servers, progress: Reporter, mock_topics: Mapping[str, int] | None
) -> Kafka | MockBroker:
    keep = (servers.lock_fd,)
    try:
        kafka = kafka_server.prepare(servers.state, keep_fds=keep, progress=progress)
    except UnreachableError:
        if mock_topics is None:
            raise
        servers.notes += (mock_broker.NOTE,)
        return mock_broker.start(servers.state, mock_topics, keep_fds=keep)
    progress.report(f"Starting Kafka on {kafka.bootstrap}")
    kafka.launch()
    return kafka


def _prepare_postgres(servers: Servers, progress: Reporter, *, durable: bool) -> Postgres:
    binaries = postgres_binaries.find(progress)
    server = postgres_server.prepare(
        servers.state, binaries, durable=durable, keep_fds=(servers.lock_fd,)
    )
    servers.notes += binaries.notes
    progress.report(f"Starting PostgreSQL {binaries.major} of {binaries.origin} on {server.port}")
    return server


@contextmanager
def _lock_state(state: Path) -> Iterator[int]:
    """Lock the state folder; guards keep the lock too, so it is free only when all have ended."""
    state.mkdir(parents=True, exist_ok=True)
    fd = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire_lock(fd, state)
        os.truncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield fd
    finally:
        os.close(fd)


def _acquire_lock(fd: int, state: Path) -> None:
    deadline = time.monotonic() + HANDOVER_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode() or "unknown"
            if _is_alive(holder) or time.monotonic() > deadline:
                raise AlreadyRunningError(
                    f"Process {holder} already runs ChatIA Flow on {state}: stop it first."
                ) from None
            time.sleep(PAUSE_S)
        else:
            return


def _is_alive(pid: str) -> bool:
    try:
        return bool(psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE)
    except (ValueError, psutil.Error):
        return False


@contextmanager
def _write_runtime_file(servers: Servers) -> Iterator[None]:
    """Keep runtime.json while the servers run."""
    servers.write_runtime_file()
    try:
        yield
    finally:
        (servers.state / RUNTIME_FILE).unlink(missing_ok=True)
