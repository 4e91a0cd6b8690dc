"""What base backups and the archive of WAL have to offer, whichever program makes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from shared.backup.continuous.targets import Target

# Called with the bytes that were read, and about how many there are in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """A base backup: its times are those of the server; `stored_bytes` are compressed."""

    name: str
    where: str
    started_at: datetime
    finished_at: datetime
    stored_bytes: int
    server_major: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verified:
    """A base backup that was read back; `until` is the last transaction of the WAL after it.

    `remarks` are sentences about what could not be checked.
    """

    base: BaseBackup
    files: int
    wal_files: int
    until: datetime | None
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """A data folder that recovers to its target as soon as a server is started on it."""

    base: BaseBackup
    folder: Path
    wal_files: int


class ContinuousBackup(Protocol):
    """Base backups, and the WAL after them.

    What is missing, damaged or not allowed raises an error of shared.backup.errors, in a sentence.
    """

    @property
    def archive_command(self) -> str:
        """Return the command by which the server archives a file of WAL."""

    def prepare(self, owner: int | None) -> None:
        """Make what the archive needs; `owner` is the id of the account that runs the server."""

    async def create_base(self, url: str, progress: Progress) -> BaseBackup:
        """Make a base backup of the server and check it."""

    def remove_old(self, kept: int) -> Sequence[str]:
        """Remove all but the newest base backups, with the WAL before them; return their names."""

    def verify(self, progress: Progress) -> Verified:
        """Read the newest base backup back, and the WAL after it."""

    def recover(self, target: Target, folder: Path, progress: Progress) -> Recovered:
        """Check that the target can be reached, and make a data folder that recovers to it.

        The folder must not be there, or be empty. Nothing is made if the target is out of reach.
        """
