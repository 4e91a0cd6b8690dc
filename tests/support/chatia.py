"""The program `chatia` as a person runs it: a process with words, an environment and an end."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.sources import ROOT

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run left behind."""

    code: int
    answer: str
    complaint: str

    @property
    def json(self) -> Any:
        return json.loads(self.answer)


def chatia(*words: str, environment: Mapping[str, str], given: str = "") -> Ended:
    """Run `chatia` with exactly these variables beside the path; it reads `given`."""
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "error", "-m", "shared.cli", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        input=given.encode(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
