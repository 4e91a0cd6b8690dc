"""Runs of `chatia` in a process of its own, with arguments and an environment."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from shared.cli import db
from shared.cli.app import COMMANDS, main
from tests.support.sources import ROOT

PATIENCE_SECONDS = 60
STREAMS = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY, "stderr": os.O_WRONLY}


@dataclass(frozen=True, slots=True)
class Ended:
    """Exit code and output of a run."""

    code: int
    answer: str
    complaint: str

    @property
    def json(self) -> Any:
        return json.loads(self.answer)


def chatia(*words: str, environment: Mapping[str, str], given: str = "") -> Ended:
    """Run `chatia` with PATH and exactly these variables, and `given` on stdin.

    The process is forked from one that has imported all commands, which is much faster than to
    start Python for each run.
    """
    with _running(words, environment, given) as (run, folder):
        run.join(PATIENCE_SECONDS)
        if run.is_alive():
            raise subprocess.TimeoutExpired(words, PATIENCE_SECONDS)
        return _read_end(run, folder)


def interrupted(
    *words: str,
    environment: Mapping[str, str],
    number: signal.Signals,
    seconds: float,
    lines: int = 0,
) -> Ended:
    """Run `chatia` and send it a signal some seconds after so many lines, if it still runs."""
    with _running(words, environment, "") as (run, folder):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while run.is_alive() and (folder / "stdout").read_bytes().count(b"\n") < lines:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(words, PATIENCE_SECONDS)
            time.sleep(0.005)
        run.join(seconds)
        if run.is_alive() and run.pid:
            os.kill(run.pid, number)
            run.join(PATIENCE_SECONDS)
        return _read_end(run, folder)


@contextmanager
def _running(
    words: Sequence[str], environment: Mapping[str, str], given: str
) -> Iterator[tuple[ForkServerProcess, Path]]:
    with tempfile.TemporaryDirectory(prefix="chatia-run-") as name:
        folder = Path(name)
        for stream in STREAMS:
            (folder / stream).write_bytes(given.encode() if stream == "stdin" else b"")
        variables = {"PATH": os.environ["PATH"], **environment}
        run = _server().Process(target=_run, args=(words, variables, folder), daemon=True)
        run.start()
        try:
            yield run, folder
        finally:
            if run.is_alive():
                run.kill()
                run.join()


def _read_end(run: ForkServerProcess, folder: Path) -> Ended:
    answer, complaint = ((folder / stream).read_text("utf-8") for stream in list(STREAMS)[1:])
    assert run.exitcode is not None
    return Ended(run.exitcode, answer, complaint)


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    places = [*COMMANDS.values(), *db.COMMANDS.values()]
    context.set_forkserver_preload([place.partition(":")[0] for place in places])
    return context


def _run(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for number, (name, flags) in enumerate(STREAMS.items()):
        os.dup2(os.open(folder / name, flags), number)
        mode = "r" if name == "stdin" else "w"
        stream = open(number, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
    warnings.simplefilter("error")
    sys.argv = ["chatia", *words]
    main()
