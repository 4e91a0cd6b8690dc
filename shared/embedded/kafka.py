"""Runs Apache Kafka on this machine: KRaft, one node that is broker and controller."""

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.embedded import downloads, folders, java, ready
from shared.embedded.errors import StartError
from shared.embedded.processes import Guarded, StopSignals
from shared.embedded.progress import Reporter, SilentReporter

LOCK = Path(__file__).with_name("kafka.lock")
LIMIT_S = 90.0
HEAP = ("-Xms256m", "-Xmx512m")
FLAGS = (
    "-XX:+ExitOnOutOfMemoryError",
    # Without it Java 24 warns of native libraries (lz4, zstd, snappy); Java 17 accepts it too.
    "--enable-native-access=ALL-UNNAMED",
    # Halves the start time, which is more important here than throughput.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
)
STOP_SIGNALS = StopSignals(grace_s=20)
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A restarted broker is accepted only after the session of the killed one has expired.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "2500",
    "group.min.session.timeout.ms": "3000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(32 * 2**20),  # the default is a quarter of this heap
}
LOGGING = """\
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
logger.values.name = org.apache.kafka.common.config.AbstractConfig
logger.values.level = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %c{1.} %m%n
"""


@dataclass
class Kafka:
    """A running broker; the ports stay the same through `restart`."""

    folder: Path
    log_path: Path
    jars: Sequence[Path]
    java: Path
    ports: tuple[int, int]
    settings: Mapping[str, str] = field(default_factory=dict)
    keep_fds: Sequence[int] = ()
    process: Guarded | None = None

    @property
    def bootstrap(self) -> str:
        """Return the address for clients."""
        return f"127.0.0.1:{self.ports[0]}"

    def run(self) -> None:
        """Start the broker and wait until it is ready."""
        self.launch()
        self.wait()

    def launch(self) -> Guarded:
        """Start the broker without waiting for it."""
        config = self._configure()
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(config)
        self.process = self._start_java([*HEAP, *FLAGS], "kafka.Kafka", str(config))
        return self.process

    def wait(self) -> None:
        """Wait until the broker is ready; else kill it and raise StartError."""
        if self.process is None:
            raise StartError("Kafka was not launched: call launch() first.")
        try:
            ready.wait_until(self.is_ready, self.process, "Kafka", LIMIT_S)
        except BaseException:
            self.kill()
            raise

    def is_ready(self) -> bool:
        """Return whether the broker answers; takes at most some seconds."""
        return ready.is_answering(self.ports[0]) and ready.run_coroutine(has_broker(self.bootstrap))

    def stop(self) -> None:
        """Stop it cleanly; does nothing if it has ended."""
        if self.process is not None:
            self.process.stop(STOP_SIGNALS.grace_s)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop it cleanly if it runs, and start it on the same data and ports."""
        self.stop()
        self.run()

    def _configure(self) -> Path:
        broker, controller = self.ports
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.properties").write_text(LOGGING, "utf-8")
        settings = SETTINGS | {
            # Static voters: unlike a dynamic quorum they may change their port between starts.
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker}",
            "log.dirs": str(self.folder / "data"),
        }
        config = self.folder / "server.properties"
        lines = [f"{name}={value}\n" for name, value in (settings | dict(self.settings)).items()]
        config.write_text("".join(lines), "utf-8")
        return config

    def _format(self, config: Path) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # With `=`, because an id may begin with a dash and look like an option.
        option = f"--cluster-id={cluster_id}"
        tool = ["kafka.tools.StorageTool", "format", option, "--config", str(config)]
        formatting = self._start_java(["-Xmx128m", "-XX:TieredStopAtLevel=1"], *tool)
        if formatting.finish(LIMIT_S):
            raise StartError(f"Kafka cannot format its data folder: see {self.log_path}.")

    def _start_java(self, options: Sequence[str], *program: str) -> Guarded:
        logging = f"-Dlog4j2.configurationFile={(self.folder / 'log4j2.properties').as_uri()}"
        classpath = ":".join(map(str, self.jars))
        return Guarded.start(
            [str(self.java), *options, logging, "-cp", classpath, *program],
            log_path=self.log_path,
            cwd=self.folder,
            stop_signals=STOP_SIGNALS,
            keep_fds=self.keep_fds,
        )


def start(
    state: Path,
    *,
    settings: Mapping[str, str] | None = None,
    progress: Reporter | None = None,
) -> Kafka:
    """Download Kafka if it is not cached, and run it on the data in `state`/kafka."""
    kafka = prepare(state, settings=settings, progress=progress)
    kafka.run()
    return kafka


def prepare(
    state: Path,
    *,
    settings: Mapping[str, str] | None = None,
    keep_fds: Sequence[int] = (),
    progress: Reporter | None = None,
) -> Kafka:
    """Return a broker, not started, for the data in `state`/kafka; downloads it if not cached."""
    state = state.absolute()
    pins = downloads.read_pins(LOCK)
    jars = downloads.fetch(
        pins, "Apache Kafka", folders.get_cache_folder(), progress or SilentReporter()
    )
    broker, controller = ready.find_free_ports(2)
    return Kafka(
        folder=state / "kafka",
        log_path=state / "logs" / "kafka.log",
        jars=jars,
        java=java.find(),
        ports=(broker, controller),
        settings=settings or {},
        keep_fds=keep_fds,
    )


async def has_broker(bootstrap: str) -> bool:
    """Return whether the broker is in its answer to a metadata request."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2_000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
