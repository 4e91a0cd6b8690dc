"""Everything embedded, together: one state folder, one Kafka, one Postgres, one who runs them."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

from shared.db.roles import READER, ROLES, login
from shared.embedded import kafka as kafka_server
from shared.embedded import mock_broker, places, postgres_binaries
from shared.embedded import postgres as postgres_server
from shared.embedded.errors import AlreadyRunningError, UnreachableError
from shared.embedded.kafka import Kafka
from shared.embedded.mock_broker import MockBroker
from shared.embedded.postgres import Postgres
from shared.embedded.processes import Guarded
from shared.embedded.progress import Reporter, Silent

RUNTIME_FILE = "runtime.json"
LOCK_FILE = "lock"
HANDOVER_S = 40.0  # the guards of a killed predecessor need a while to end its servers
PAUSE_S = 0.1


@dataclass
class Servers:
    """What runs, and how to reach it."""

    state: Path
    lock_fd: int
    kafka: Kafka | MockBroker | None = None
    postgres: Postgres | None = None
    notes: tuple[str, ...] = ()
    _spawned: list[Guarded] = field(default_factory=list)

    @property
    def kafka_is_real(self) -> bool:
        """False where the mock stands in."""
        return isinstance(self.kafka, Kafka)

    @property
    def kafka_bootstrap(self) -> str:
        """Where Kafka listens; empty without Kafka."""
        return self.kafka.bootstrap if self.kafka else ""

    @property
    def database_url(self) -> str:
        """Where Postgres listens, password included; empty without Postgres."""
        return self.postgres.url if self.postgres else ""

    @property
    def processes(self) -> list[Guarded]:
        """The servers' own processes."""
        servers = (self.kafka, self.postgres)
        return [each.process for each in servers if each is not None and each.process is not None]

    @property
    def role_passwords(self) -> dict[str, str]:
        """The passwords that the roles of an embedded Postgres are to have; else none."""
        server = self.postgres
        return {role: server.password_of(role) for role in ROLES} if server else {}

    def environment(self) -> dict[str, str]:
        """Say how to reach the servers, as environment variables: as the owner, and as a reader."""
        known = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap, "DATABASE_URL": self.database_url}
        if self.postgres:
            known["DB_READER_USER"] = login(postgres_server.NAME, READER)
            known["DB_READER_PASS"] = self.postgres.password_of(READER)
        return {name: value for name, value in known.items() if value}

    def spawn(
        self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None
    ) -> Guarded:
        """Run a worker against these servers; it is stopped before they are."""
        worker = Guarded.start(
            argv,
            log_path=self.state / "logs" / f"{name}.log",
            env=os.environ | self.environment() | dict(env or {}),
            keep_fds=(self.lock_fd,),
        )
        self._spawned.append(worker)
        return worker

    def stop_spawned(self) -> None:
        """Stop what `spawn` started, the last one first."""
        while self._spawned:
            self._spawned.pop().stop()


@contextmanager
def runtime(
    state: Path,
    *,
    kafka: bool = True,
    postgres: bool = True,
    durable: bool = True,
    progress: Reporter | None = None,
    mock_topics: Mapping[str, int] | None = None,
) -> Iterator[Servers]:
    """Run the servers on this state folder until the block ends.

    With `mock_topics` (names and numbers of partitions) a mock stands in for a Kafka that can be
    neither fetched nor found in the cache. Blocks while it starts and stops: call it where no event
    loop waits, or in a thread.
    """
    state, progress = state.absolute(), progress or Silent()
    with ExitStack() as stack:
        servers = Servers(state, stack.enter_context(_held(state)))
        if kafka:
            servers.kafka = _launch_kafka(servers, progress, mock_topics)
            stack.callback(servers.kafka.stop)
        if postgres:
            servers.postgres = _prepare_postgres(servers, progress, durable=durable)
            stack.callback(servers.postgres.stop)
            servers.postgres.run()
        if isinstance(servers.kafka, Kafka):  # it came up while Postgres did
            servers.kafka.wait()
        stack.callback(servers.stop_spawned)
        stack.enter_context(_told(servers))
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
    progress.say(f"Starting Kafka on {kafka.bootstrap}")
    kafka.launch()
    return kafka


def _prepare_postgres(servers: Servers, progress: Reporter, *, durable: bool) -> Postgres:
    binaries = postgres_binaries.find(progress)
    server = postgres_server.prepare(
        servers.state, binaries, durable=durable, keep_fds=(servers.lock_fd,)
    )
    servers.notes += binaries.notes
    progress.say(f"Starting PostgreSQL {binaries.major} of {binaries.origin} on {server.port}")
    return server


@contextmanager
def _held(state: Path) -> Iterator[int]:
    """Hold the state folder; every guard holds it as well, so it is free only when all ended."""
    state.mkdir(parents=True, exist_ok=True)
    held = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(held, state)
        os.truncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)
        yield held
    finally:
        os.close(held)


def _take(held: int, state: Path) -> None:
    deadline = time.monotonic() + HANDOVER_S
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(held, 32, 0).decode() or "unknown"
            if _lives(holder) or time.monotonic() > deadline:
                raise AlreadyRunningError(
                    f"Process {holder} already runs ChatIA Flow on {state}: stop it first."
                ) from None
            time.sleep(PAUSE_S)
        else:
            return


def _lives(pid: str) -> bool:
    try:
        return bool(psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE)
    except (ValueError, psutil.Error):
        return False


@contextmanager
def _told(servers: Servers) -> Iterator[None]:
    """Leave word of how to reach the servers, for as long as they run."""
    told = servers.state / RUNTIME_FILE
    word = {"pid": os.getpid(), "kafka_is_real": servers.kafka_is_real} | servers.environment()
    places.write_private(told, json.dumps(word, indent=2))
    try:
        yield
    finally:
        told.unlink(missing_ok=True)
