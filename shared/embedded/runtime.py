"""The file from which other processes read how to reach the running servers and workers."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.embedded.errors import NotRunningError

RUNTIME_FILE = "runtime.json"


def read(state: Path) -> Mapping[str, Any]:
    """Return what a running `chatia up` wrote; raises NotRunningError without a running one.

    A process that was killed leaves its file behind, so its pid is checked.
    """
    try:
        content: Mapping[str, Any] = json.loads((state / RUNTIME_FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise NotRunningError(state) from None
    if not _is_alive(content["pid"]):
        raise NotRunningError(state)
    return content


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs under another account
        return True
    return True
