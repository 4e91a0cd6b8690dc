# ruff: noqa: N818 - each is an answer that a command gives, named as the README names it
"""Why a command ends without having done its work: one sentence and an exit code each."""

from typing import ClassVar


class CommandError(Exception):
    """Ends a command: the sentence goes to standard error, without a traceback."""

    exit_code: ClassVar[int]

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


class AnswerIsNo(CommandError):
    """The question was understood and answered with no, for example by a check that failed."""

    exit_code: ClassVar[int] = 1


class WrongUsage(CommandError):
    """The words of the command, the environment or the input cannot be used as they are."""

    exit_code: ClassVar[int] = 2


class WorldFailed(CommandError):
    """Kafka, Postgres or the disk did not do their part; the same command may work later."""

    exit_code: ClassVar[int] = 3


class Refused(CommandError):
    """A rule forbids what was asked."""

    exit_code: ClassVar[int] = 4


class AlreadyRunning(CommandError):
    """Somebody else does this already."""

    exit_code: ClassVar[int] = 5
