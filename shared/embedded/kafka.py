"""A real Apache Kafka on this machine: KRaft, one node that is broker and controller."""

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.embedded import downloads, java, places, ready
from shared.embedded.errors import StartError
from shared.embedded.processes import Ending, Guarded
from shared.embedded.progress import Reporter, Silent

LOCK = Path(__file__).with_name("kafka.lock")
LIMIT_S = 90.0
HEAP = ("-Xms256m", "-Xmx512m")
FLAGS = (
    "-XX:+ExitOnOutOfMemoryError",
    # Java 24 warns of native libraries (lz4, zstd, snappy), Java 17 knows the flag as well.
    "--enable-native-access=ALL-UNNAMED",
    # A broker that is started often and for short is there in half of the time.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
)
ENDING = Ending(grace_s=20)
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
    # After a kill the broker comes back only when its former self is taken for dead.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "2500",
    "group.min.session.timeout.ms": "3000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(32 * 2**20),  # by default a quarter of our heap
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
        """What clients are given."""
        return f"127.0.0.1:{self.ports[0]}"

    def run(self) -> None:
        """Start the broker and wait until it knows itself as one."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start the broker without waiting for it."""
        config = self._configure()
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(config)
        self.process = self._java([*HEAP, *FLAGS], "kafka.Kafka", str(config))

    def wait(self) -> None:
        """Wait until the launched broker can be used; one that cannot is ended."""
        if self.process is None:
            raise StartError("Kafka was not launched: call launch() first.")
        try:
            ready.wait_until(self._is_ready, self.process, "Kafka", LIMIT_S)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order; again is harmless."""
        if self.process is not None:
            self.process.stop(ENDING.grace_s)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Run it again on the same data and ports, stopped in order if it still runs."""
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
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One word with its value: an identity may begin with a dash and look like an option.
        named = f"--cluster-id={identity}"
        tool = ["kafka.tools.StorageTool", "format", named, "--config", str(config)]
        formatting = self._java(["-Xmx128m", "-XX:TieredStopAtLevel=1"], *tool)
        if formatting.finish(LIMIT_S):
            raise StartError(f"Kafka cannot format its folder: see {self.log_path}.")

    def _java(self, options: Sequence[str], *program: str) -> Guarded:
        logging = f"-Dlog4j2.configurationFile={(self.folder / 'log4j2.properties').as_uri()}"
        classpath = ":".join(map(str, self.jars))
        return Guarded.start(
            [str(self.java), *options, logging, "-cp", classpath, *program],
            log_path=self.log_path,
            cwd=self.folder,
            ending=ENDING,
            keep_fds=self.keep_fds,
        )

    def _is_ready(self) -> bool:
        return ready.answers(self.ports[0]) and ready.ask(knows_itself(self.bootstrap))


def start(
    state: Path,
    *,
    settings: Mapping[str, str] | None = None,
    progress: Reporter | None = None,
) -> Kafka:
    """Fetch Kafka where it is not cached, and run it on the data in `state`/kafka."""
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
    """Make a broker for the data in `state`/kafka, fetched if not cached, not started yet."""
    state = state.absolute()
    pins = downloads.read_pins(LOCK)
    jars = downloads.fetch(pins, "Apache Kafka", places.cache(), progress or Silent())
    broker, controller = ready.free_ports(2)
    return Kafka(
        folder=state / "kafka",
        log_path=state / "logs" / "kafka.log",
        jars=jars,
        java=java.find(),
        ports=(broker, controller),
        settings=settings or {},
        keep_fds=keep_fds,
    )


async def knows_itself(bootstrap: str) -> bool:
    """Whether the broker answers a metadata request with a broker to talk to."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2_000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
