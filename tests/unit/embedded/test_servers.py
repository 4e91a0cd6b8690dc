"""One state folder has one owner, and what belongs to it can be found and removed."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.embedded import places, ready
from shared.embedded.errors import AlreadyRunningError, EmbeddedError
from shared.embedded.places import Cluster
from shared.embedded.servers import runtime

HOLDER = """
import pathlib, sys, time
from shared.embedded.servers import runtime
with runtime(pathlib.Path(sys.argv[1]), kafka=False, postgres=False) as servers:
    servers.spawn("deaf", ["sh", "-c", "trap '' TERM; sleep 1"])
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    places.remove(tmp_path / "state")


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(state: Path) -> None:
    with (
        runtime(state, kafka=False, postgres=False),
        pytest.raises(AlreadyRunningError, match=f"Process {os.getpid()} "),
        runtime(state, kafka=False, postgres=False),
    ):
        pass
    with runtime(state, kafka=False, postgres=False) as servers:
        assert servers.environment() == {}


def test_a_killed_owner_is_waited_for_until_its_last_process_is_gone(state: Path) -> None:
    holder = [sys.executable, "-c", HOLDER, str(state)]
    with subprocess.Popen(holder, stdout=subprocess.PIPE) as owner:  # noqa: S603 - the text above
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        owner.kill()
    with runtime(state, kafka=False, postgres=False):
        pass


def test_a_worker_knows_the_servers_and_ends_before_them(state: Path) -> None:
    with runtime(state, kafka=False, postgres=False) as servers:
        worker = servers.spawn("worker", ["sh", "-c", "echo $NAME; exec sleep 600"], {"NAME": "me"})
        assert worker.poll() is None
    assert worker.poll() is not None
    assert not (state / "runtime.json").exists()


def test_the_password_is_made_once_and_is_nobody_elses_to_read(state: Path) -> None:
    state.mkdir()
    first, second = Cluster.of(state), Cluster.of(state)
    assert first == second
    assert len(first.password) >= 32
    assert stat.S_IMODE((state / places.CLUSTER_FILE).stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's clusters live outside the state folder")
def test_roots_cluster_goes_when_its_state_folder_is_gone(state: Path) -> None:
    state.mkdir()
    cluster = Cluster.of(state)
    cluster.prepare(state)
    assert state not in cluster.folder.parents
    places.sweep()
    assert cluster.folder.exists(), "its state folder is still there"
    (state / places.CLUSTER_FILE).unlink()
    places.sweep()
    assert not cluster.folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's clusters live outside the state folder")
def test_a_copied_state_folder_does_not_get_at_the_first_ones_data(state: Path) -> None:
    state.mkdir()
    cluster = Cluster.of(state)
    cluster.prepare(state)
    copy = Path(shutil.copytree(state, state.with_name("copy")))
    with pytest.raises(EmbeddedError, match="is a copy of"):
        Cluster.of(copy).prepare(copy)
    (state / places.CLUSTER_FILE).rename(state / "moved away")
    Cluster.of(copy).prepare(copy)
    places.remove(copy)
    assert not cluster.folder.exists()


def test_free_ports_differ_and_can_be_had() -> None:
    ports = ready.free_ports(3)
    assert len(set(ports)) == 3
    assert not any(ready.answers(port) for port in ports)
