"""The file of the running servers is read only while its process runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.embedded import runtime
from shared.embedded.errors import NotRunningError


def write(state: Path, pid: int) -> None:
    (state / runtime.RUNTIME_FILE).write_text(json.dumps({"pid": pid, "NAME": "value"}), "utf-8")


def test_the_file_of_a_running_process_is_read(tmp_path: Path) -> None:
    write(tmp_path, os.getpid())
    assert runtime.read(tmp_path)["NAME"] == "value"


def test_without_a_file_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match=f"Nothing runs on {tmp_path}: start `chatia up`"):
        runtime.read(tmp_path)


def test_the_file_of_a_killed_process_is_not_read(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    write(tmp_path, ended.pid)
    with pytest.raises(NotRunningError):
        runtime.read(tmp_path)
