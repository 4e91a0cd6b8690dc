"""Errors that end a command, each with an exit code."""

from typing import ClassVar


class CommandError(Exception):
    """Ends a command: its message is printed on standard error, without a traceback."""

    exit_code: ClassVar[int]

    def __init__(self, message: str) -> None:
        super().__init__(message)


class CheckFailedError(CommandError):
    """A check failed, or what exists differs from what should."""

    exit_code: ClassVar[int] = 1


class InvalidUsageError(CommandError):
    """An argument, an environment variable or the input is wrong."""

    exit_code: ClassVar[int] = 2


class DependencyFailedError(CommandError):
    """Kafka, Postgres or a process failed; the same command may work later."""

    exit_code: ClassVar[int] = 3


class RefusedError(CommandError):
    """A rule forbids the operation."""

    exit_code: ClassVar[int] = 4


class ConflictError(CommandError):
    """Another process already runs, or holds the port or name."""

    exit_code: ClassVar[int] = 5
