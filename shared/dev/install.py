"""Installs pinned packages with pip and shows how far it is: `python shared/dev/install.py LOCK`.

It uses the standard library alone, since it runs before any package is installed.
"""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

INTERVAL_S = 1.0
PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==", re.MULTILINE)
TAKEN_UP = re.compile(r"(?:Collecting|Ignoring) ([A-Za-z0-9][A-Za-z0-9._-]*)")
UNPACKING = "Installing collected packages"
PIP = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input")
START_OF_LINE = "\r\x1b[K"


class Progress:
    """What pip has done so far, read from its lines."""

    def __init__(self, total: int) -> None:
        self.lines: list[str] = []
        self.total = total
        self._taken_up = 0
        self._last = ""
        self._is_unpacking = False

    def read(self, output: Iterable[str]) -> None:
        """Read pip's lines to their end."""
        for line in output:
            self.lines.append(line)
            if found := TAKEN_UP.match(line):
                self._taken_up += 1
                self._last = found[1]
            self._is_unpacking = self._is_unpacking or line.startswith(UNPACKING)

    def describe(self, seconds: float) -> str:
        """Return one line: how many packages are fetched, or that they are unpacked."""
        if self._is_unpacking:
            return f"Installing: {self.total} packages are fetched, unpacking, {seconds:.0f} s"
        step = f"{self._taken_up} of {self.total} packages, {seconds:.0f} s"
        return f"Installing: {step}{self._last and f' ({self._last})'}"


def main(argv: list[str]) -> int:
    """Install the packages of a lock file; return pip's exit code."""
    lock = Path(argv[1])
    progress = Progress(len(PINNED.findall(lock.read_text("utf-8"))))
    began = time.monotonic()
    command = [*PIP, "--progress-bar=off", "--require-hashes", "-r", str(lock)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True) as pip:  # noqa: S603 - pip of this environment
        reading = threading.Thread(target=progress.read, args=(pip.stdout,))
        reading.start()
        while reading.is_alive():
            reading.join(INTERVAL_S)
            show(progress.describe(time.monotonic() - began))
        code = pip.wait()
    if code:
        sys.stderr.write("\n" + "".join(progress.lines))
        return code
    show(f"Installed {progress.total} packages in {time.monotonic() - began:.0f} s")
    sys.stdout.write("\n" if sys.stdout.isatty() else "")
    return 0


def show(line: str) -> None:
    """Show a line in place of the last one; where there is no terminal, below it."""
    sys.stdout.write(f"{START_OF_LINE}{line}" if sys.stdout.isatty() else f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv))
    except KeyboardInterrupt:
        sys.exit(130)
