"""`chatia worker` without database or Kafka: it waits, or ends with a message."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from shared.embedded.processes import Guarded
from tests.support.chatia import chatia
from tests.support.probes import free_port
from tests.support.servers import database_named

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "The database has no tables of ChatIA Flow: run `chatia db upgrade`."),
        ("nowhere", 'The database cannot be used: database "nowhere" does not exist.'),
    ],
)
def test_a_database_error_that_is_no_outage_ends_the_worker(
    database_url: str, name: str | None, message: str
) -> None:
    url = database_named(database_url, name) if name else database_url
    ended = chatia("worker", "contacts", environment={"DATABASE_URL": url})
    assert (ended.code, ended.complaint.splitlines()[-1]) == (3, message)


def test_a_worker_names_the_topics_that_do_not_exist(
    kafka_bootstrap: str, migrated_url: str
) -> None:
    namespace = f"test-{uuid4().hex[:12]}"
    environment = {
        "DATABASE_URL": migrated_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "CHATIA_NAMESPACE": namespace,
        "CHATIA_EVOLUTION_PREFIX": namespace,
    }
    ended = chatia("worker", "messages", environment=environment)
    message = ended.complaint.splitlines()[-1]
    assert ended.code == 3
    assert message.startswith("Topics do not exist: ")
    assert message.endswith("; run `chatia topics apply`.")
    assert f"{namespace}.global.messages.upsert" in message  # it reads this one
    assert f"{namespace}.message.stored" in message  # it publishes on this one


TIMEOUT_S = 30.0


@contextmanager
def run_without_broker(url: str, log_path: Path, word: str, times: int) -> Iterator[Guarded]:
    """Run a worker without broker until its log holds a word so many times, for at most 30 s."""
    argv = [sys.executable, "-m", "shared.cli", "worker", "contacts"]
    away = {"DATABASE_URL": url, "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    worker = Guarded.start(argv, log_path=log_path, env=os.environ | away)
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while log_path.read_text().count(word) < times and time.monotonic() < deadline:
            time.sleep(0.1)
        yield worker
    finally:
        worker.stop()


def test_a_broker_that_is_away_is_waited_for(migrated_url: str, tmp_path: Path) -> None:
    log_path = tmp_path / "worker.log"
    with run_without_broker(migrated_url, log_path, "kafka.awaited", 2) as worker:
        assert worker.poll() is None
        assert log_path.read_text().count("kafka.awaited") >= 2


def test_a_worker_that_logs_in_as_the_owner_is_warned(migrated_url: str, tmp_path: Path) -> None:
    log_path = tmp_path / "worker.log"
    with run_without_broker(migrated_url, log_path, "database.role", 1):
        (line,) = [line for line in log_path.read_text().splitlines() if "database.role" in line]
        assert "warning" in line
        assert "chatia db roles" in line


PORT = (
    "The environment variable DATABASE_URL cannot be used: value error, its port is not a number "
    "from 0 to 65535."
)


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        (
            ("worker", "contacts"),
            {"DATABASE_URL": "postgresql://:abc/"},
            PORT,
        ),
        (
            ("dead-letters", "list", "--topic", "a\udcff"),
            {},
            r"The argument 'a\udcff' is not UTF-8 text.",
        ),
    ],
)
def test_invalid_arguments_and_variables_end_with_a_message(
    words: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    ended = chatia(*words, environment=environment)
    assert (ended.code, ended.complaint.splitlines()[-1]) == (2, message)
