"""What a person sees while something is fetched or started."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from typing_extensions import override

Advance = Callable[[int], None]


class Reporter(Protocol):
    """Where the steps are told."""

    def say(self, line: str) -> None:
        """Tell one step, in words."""

    def download(self, what: str, total_bytes: int) -> AbstractContextManager[Advance]:
        """Surround a download; the value takes the bytes as they come."""


class Silent:
    """Tells nothing."""

    def say(self, line: str) -> None:
        """Say nothing."""

    @contextmanager
    def download(self, what: str, total_bytes: int) -> Iterator[Advance]:  # noqa: ARG002
        """Draw nothing."""
        yield lambda _: None


class Lines:
    """Plain lines on stderr, for logs and pipes."""

    def say(self, line: str) -> None:
        """Write the step as it is."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    @contextmanager
    def download(self, what: str, total_bytes: int) -> Iterator[Advance]:
        """Say once what comes and how much it is."""
        self.say(f"Fetching {what} ({total_bytes / 1e6:.0f} MB)")
        yield lambda _: None


class Bars(Lines):
    """Progress bars on a terminal."""

    @override
    @contextmanager
    def download(self, what: str, total_bytes: int) -> Iterator[Advance]:
        """Draw one bar over all bytes."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(
            *columns, TransferSpeedColumn(), console=Console(stderr=True), transient=False
        ) as bars:
            task = bars.add_task(f"Fetching {what}", total=total_bytes)
            yield lambda count: bars.advance(task, count)


def reporter() -> Reporter:
    """Bars where a person watches, lines elsewhere."""
    return Bars() if sys.stderr.isatty() else Lines()
