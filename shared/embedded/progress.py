"""Reports what is downloaded and started."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from typing_extensions import override

Advance = Callable[[int], None]


class Reporter(Protocol):
    """A receiver of steps and downloads."""

    def report(self, line: str) -> None:
        """Report one step."""

    def download(self, what: str, total_bytes: int) -> AbstractContextManager[Advance]:
        """Report a download; call the value with each number of received bytes."""


class SilentReporter:
    """A reporter that shows nothing."""

    def report(self, line: str) -> None:
        """Do nothing."""

    @contextmanager
    def download(self, what: str, total_bytes: int) -> Iterator[Advance]:  # noqa: ARG002 - of the protocol
        """Do nothing."""
        yield lambda _: None


class LineReporter:
    """A reporter of plain lines on stderr, for logs and pipes."""

    def report(self, line: str) -> None:
        """Write a line."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    @contextmanager
    def download(self, what: str, total_bytes: int) -> Iterator[Advance]:
        """Write a line with the name and the size."""
        self.report(f"Downloading {what} ({total_bytes / 1e6:.0f} MB)")
        yield lambda _: None


class BarReporter(LineReporter):
    """A reporter with progress bars, for terminals."""

    @override
    @contextmanager
    def download(self, what: str, total_bytes: int) -> Iterator[Advance]:
        """Show one bar for all bytes."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(
            *columns, TransferSpeedColumn(), console=Console(stderr=True), transient=False
        ) as bars:
            task = bars.add_task(f"Downloading {what}", total=total_bytes)
            yield lambda count: bars.advance(task, count)


def build_reporter() -> Reporter:
    """Return a reporter with bars on a terminal, with lines elsewhere."""
    return BarReporter() if sys.stderr.isatty() else LineReporter()
