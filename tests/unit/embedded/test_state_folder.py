"""State folders: one owner at a time, and deletion with everything that belongs to them."""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.embedded import folders, ready
from shared.embedded import servers as servers_module
from shared.embedded.errors import AlreadyRunningError, EmbeddedError
from shared.embedded.folders import Cluster
from shared.embedded.servers import run_servers

HOLDER = """
import pathlib, sys, time
from shared.embedded.servers import run_servers
with run_servers(pathlib.Path(sys.argv[1]), kafka=False, postgres=False) as servers:
    servers.spawn("deaf", ["sh", "-c", "trap '' TERM; sleep 1"])
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    folders.delete_state(tmp_path / "state")


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(state: Path) -> None:
    with (
        run_servers(state, kafka=False, postgres=False),
        pytest.raises(AlreadyRunningError, match=f"Process {os.getpid()} "),
        run_servers(state, kafka=False, postgres=False),
    ):
        pass
    with run_servers(state, kafka=False, postgres=False) as servers:
        assert servers.build_environment() == {}


def test_a_folder_whose_holder_wrote_no_pid_is_in_use_by_an_unknown_process(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers_module, "HANDOVER_S", 0.0)
    state.mkdir()
    with (state / servers_module.LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(AlreadyRunningError, match="Process unknown "),
            run_servers(state, kafka=False, postgres=False),
        ):
            pass


def test_the_check_is_made_before_anything_starts_and_after_the_lock(state: Path) -> None:
    def refuse() -> None:
        raise EmbeddedError("refused")

    with (
        pytest.raises(EmbeddedError, match="refused"),
        run_servers(state, check_first=refuse),
    ):
        pass
    assert [path.name for path in state.iterdir()] == ["lock"]


def test_a_webhook_secret_is_generated_once_and_only_its_owner_can_read_it(state: Path) -> None:
    state.mkdir()
    secret = folders.keep_webhook_secret(state, "")
    assert folders.keep_webhook_secret(state, "") == secret
    assert len(secret) == 64
    assert folders.keep_webhook_secret(state, "a new one that is given") != secret
    assert folders.keep_webhook_secret(state, "") == "a new one that is given"
    assert stat.S_IMODE((state / folders.WEBHOOK_SECRET_FILE).stat().st_mode) == 0o600


def test_a_new_owner_waits_until_all_processes_of_a_killed_one_have_ended(state: Path) -> None:
    holder = [sys.executable, "-c", HOLDER, str(state)]
    with subprocess.Popen(holder, stdout=subprocess.PIPE) as owner:  # noqa: S603 - the text above
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        owner.kill()
    with run_servers(state, kafka=False, postgres=False):
        pass


def test_a_worker_gets_the_servers_addresses_and_ends_before_them(state: Path) -> None:
    with run_servers(state, kafka=False, postgres=False) as servers:
        worker = servers.spawn("worker", ["sh", "-c", "echo $NAME; exec sleep 600"], {"NAME": "me"})
        assert worker.poll() is None
    assert worker.poll() is not None
    assert not (state / "runtime.json").exists()


def test_the_password_is_generated_once_and_only_its_owner_can_read_it(state: Path) -> None:
    state.mkdir()
    first, second = Cluster.load_or_create(state), Cluster.load_or_create(state)
    assert first == second
    assert len(first.password) >= 32
    assert stat.S_IMODE((state / folders.CLUSTER_FILE).stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's clusters live outside the state folder")
def test_roots_cluster_is_deleted_when_its_state_folder_does_not_exist(state: Path) -> None:
    state.mkdir()
    cluster = Cluster.load_or_create(state)
    cluster.prepare(state)
    assert state not in cluster.folder.parents
    folders.delete_orphaned_clusters()
    assert cluster.folder.exists(), "its state folder is still there"
    (state / folders.CLUSTER_FILE).unlink()
    folders.delete_orphaned_clusters()
    assert not cluster.folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's clusters live outside the state folder")
def test_a_copied_state_folder_cannot_use_the_data_of_the_first(state: Path) -> None:
    state.mkdir()
    cluster = Cluster.load_or_create(state)
    cluster.prepare(state)
    copy = Path(shutil.copytree(state, state.with_name("copy")))
    with pytest.raises(EmbeddedError, match="is a copy of"):
        Cluster.load_or_create(copy).prepare(copy)
    (state / folders.CLUSTER_FILE).rename(state / "moved away")
    Cluster.load_or_create(copy).prepare(copy)
    folders.delete_state(copy)
    assert not cluster.folder.exists()


def test_free_ports_differ_and_are_free() -> None:
    ports = ready.find_free_ports(3)
    assert len(set(ports)) == 3
    assert not any(ready.is_answering(port) for port in ports)
