"""Runs librdkafka's mock cluster in place of a Kafka that cannot be downloaded.

Run as `python -m shared.embedded.mock_broker ADDRESS_FILE TOPIC:PARTITIONS…`. It keeps some
megabytes per partition in memory and serves one consumer per group: for a demonstration only.
"""

import ctypes
import importlib.util
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.embedded import ready
from shared.embedded.errors import EmbeddedError
from shared.embedded.processes import Guarded

NOTE = (
    "This is NOT Kafka: the Maven repository cannot be reached, so librdkafka's mock broker runs "
    "instead; it keeps nothing after it stops and serves one consumer per group."
)
LIMIT_S = 20.0
PRODUCER = 0  # RD_KAFKA_PRODUCER


@dataclass(frozen=True, slots=True)
class MockBroker:
    """A running mock broker; it cannot be restarted, because it keeps no data."""

    process: Guarded
    bootstrap: str

    def stop(self) -> None:
        """Stop it; does nothing if it has ended."""
        self.process.stop()


def start(state: Path, topics: Mapping[str, int], *, keep_fds: Sequence[int] = ()) -> MockBroker:
    """Start the mock broker with these topics and partition counts; no others can be created."""
    address = state.absolute() / "mock-broker"
    address.unlink(missing_ok=True)
    arguments = [f"{name}:{partitions}" for name, partitions in topics.items()]
    process = Guarded.start(
        [sys.executable, "-m", "shared.embedded.mock_broker", str(address), *arguments],
        log_path=state.absolute() / "logs" / "mock-broker.log",
        keep_fds=keep_fds,
    )
    try:
        ready.wait_until(address.exists, process, "The mock broker", LIMIT_S)
    except BaseException:
        process.kill()
        raise
    return MockBroker(process, address.read_text("utf-8"))


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT."""
    address, *topics = argv
    pairs = (topic.rpartition(":") for topic in topics)
    bootstrap = serve({name: int(partitions) for name, _, partitions in pairs})
    draft = Path(f"{address}.draft")
    draft.write_text(bootstrap, "utf-8")
    draft.replace(address)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0


def serve(topics: Mapping[str, int]) -> str:
    """Start a mock cluster in this process and return its address."""
    library = _load_library()
    error = ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(PRODUCER, None, error, len(error))
    if not client:
        raise EmbeddedError(f"The mock broker cannot start: {error.value.decode()}.")
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    for name, partitions in topics.items():
        if library.rd_kafka_mock_topic_create(cluster, name.encode(), partitions, 1):
            raise EmbeddedError(f"The mock broker cannot create the topic {name}:{partitions}.")
    bootstrap: bytes = library.rd_kafka_mock_cluster_bootstraps(cluster)
    return bootstrap.decode()


def _load_library() -> ctypes.CDLL:
    """Load the librdkafka of the confluent-kafka wheel."""
    wheel = importlib.util.find_spec("confluent_kafka")
    package = Path(wheel.origin).parent if wheel and wheel.origin else Path("/nowhere")
    folders = (package.with_name("confluent_kafka.libs"), package / ".dylibs")
    files = [file for folder in folders for file in sorted(folder.glob("librdkafka*"))]
    if not files:
        raise EmbeddedError("There is no mock broker: run `pip install confluent-kafka`.")
    library = ctypes.CDLL(str(files[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [number, pointer, text, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = pointer
    library.rd_kafka_mock_cluster_new.argtypes = [pointer, number]
    library.rd_kafka_mock_topic_create.argtypes = [pointer, text, number, number]
    library.rd_kafka_mock_cluster_bootstraps.restype = text
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
    return library


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main(sys.argv[1:]))
