"""Errors of the embedded servers; each message says what to do."""

from pathlib import Path


class EmbeddedError(Exception):
    """An embedded server cannot be prepared or run."""


class AlreadyRunningError(EmbeddedError):
    """Another process uses this state folder."""


class NotRunningError(EmbeddedError):
    """No process uses this state folder."""

    def __init__(self, state: Path) -> None:
        super().__init__(f"Nothing runs on {state}: start `chatia up` first, or name its --state.")


class DownloadError(EmbeddedError):
    """A pinned file cannot be downloaded."""


class UnreachableError(DownloadError):
    """The Maven repository does not answer."""


class ChecksumError(DownloadError):
    """The sha256 of a downloaded file differs from the lock file."""


class StartError(EmbeddedError):
    """A server did not become ready, or exited before."""
