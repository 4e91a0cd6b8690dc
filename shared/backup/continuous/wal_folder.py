"""The folder into which the server copies its WAL, and the scripts by which it does."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.backup.continuous.wal_names import HISTORY, Lineage, Run, Segment, parse_segment
from shared.backup.continuous.wal_names import find_run as find_run_of
from shared.backup.errors import DamagedBackupError, PlaceError
from shared.backup.manifest import WalRange
from shared.backup.pipes import CHUNK_BYTES, decompress
from shared.backup.programs import ClientPrograms, build_program_environment

SCRIPTS = ("archive.sh", "fetch.sh")
COMPRESSED = ".zst"
# As pg_waldump prints the end of a transaction, with TZ=UTC.
END_OF_TRANSACTION = re.compile(
    r"desc: (?:COMMIT|ABORT)(?:_PREPARED \d+:)? (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC"
)


class WalFolder:
    """The files of the WAL, each as it is or compressed by zstd."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def archive_command(self) -> str:
        """Return what the server runs for each file; it needs no Python."""
        return f'/bin/sh {self._quote("archive.sh")} "%p" "%f"'

    @property
    def restore_command(self) -> str:
        """Return what a server runs that is being recovered."""
        return f'/bin/sh {self._quote("fetch.sh")} "%f" "%p"'

    def install(self, owner: int | None = None) -> None:
        """Create the folder with its scripts; `owner` is the id of the server's account."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in SCRIPTS:
                draft = self.root / f".{name}.{os.getpid()}"
                draft.write_bytes(Path(__file__).with_name(name).read_bytes())
                draft.chmod(0o644)
                draft.replace(self.root / name)
            if owner is not None:
                for path in (self.root, *(self.root / name for name in SCRIPTS)):
                    os.chown(path, owner, -1)
        except OSError as error:
            raise PlaceError(f"{self.root} cannot be used: {error.strerror or error}.") from error

    def list_names(self) -> list[str]:
        """Return the names of the files, without the end of compressed ones, sorted."""
        try:
            names = [path.name for path in self.root.iterdir()]
        except OSError as error:
            raise PlaceError(f"{self.root} cannot be read: {error.strerror or error}.") from error
        return sorted(
            name.removesuffix(COMPRESSED)
            for name in names
            if name not in SCRIPTS and not name.startswith(".")
        )

    def list_segments(self, segment_bytes: int) -> set[Segment]:
        """Return the segments that are there, of all timelines."""
        found = (parse_segment(name, segment_bytes) for name in self.list_names())
        return {segment for segment in found if segment}

    def read_histories(self) -> dict[int, str]:
        """Return the history files by their timeline."""
        return {
            int(match[1], 16): b"".join(self.read(name)).decode()
            for name in self.list_names()
            if (match := HISTORY.fullmatch(name))
        }

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the chunks of a file, decompressed; raises DamagedBackupError, PlaceError."""
        path = self.root / name
        compressed = path.with_name(path.name + COMPRESSED)
        yield from decompress(_read(compressed)) if compressed.exists() else _read(path)

    def find_run(self, wal: WalRange, lineage: Lineage) -> Run:
        """Return the segments without a gap from where a base backup begins."""
        first = wal.start // wal.segment_bytes
        return find_run_of(self.list_segments(wal.segment_bytes), lineage, first, wal.segment_bytes)

    def check_segments(self, segments: Sequence[Segment], segment_bytes: int) -> None:
        """Read segments; raises DamagedBackupError for one that is not whole."""
        for segment in segments:
            name = segment.build_name(segment_bytes)
            size = sum(len(chunk) for chunk in self.read(name))
            if size != segment_bytes:
                raise DamagedBackupError(
                    f"The file {name} of {self.root} has {size} bytes instead of {segment_bytes}."
                )

    def find_last_transaction(
        self, run: Run, segment_bytes: int, programs: ClientPrograms
    ) -> datetime | None:
        """Return when the last transaction in the segments ended; None if none did.

        Postgres can only recover to a time after which another transaction ended.
        """
        for segment in reversed(run.segments):
            if found := self._list_ends(segment.build_name(segment_bytes), programs):
                return max(found)
        return None

    def remove_before(self, number: int, segment_bytes: int) -> list[str]:
        """Remove the files of segments before the `number`th one, and return their names."""
        old = [
            name
            for name in self.list_names()
            if (each := parse_segment(name.partition(".")[0], segment_bytes))
            and each.number < number
        ]
        for name in old:
            for path in (self.root / name, self.root / f"{name}{COMPRESSED}"):
                path.unlink(missing_ok=True)
        return old

    def _list_ends(self, name: str, programs: ClientPrograms) -> list[datetime]:
        """Return when the transactions of a segment ended."""
        with TemporaryDirectory(prefix="chatia-wal-") as folder:
            copy = Path(folder) / name
            with copy.open("wb") as file:
                for chunk in self.read(name):
                    file.write(chunk)
            # It ends with 1 where a record goes on in the next segment, which is as it should be.
            printed = subprocess.run(  # noqa: S603 - a PostgreSQL program of this machine
                [programs.locate("pg_waldump"), "--rmgr=Transaction", copy],
                env=build_program_environment() | {"TZ": "UTC"},
                capture_output=True,
                text=True,
                check=False,
            ).stdout
        return [
            datetime.fromisoformat(written).replace(tzinfo=UTC)
            for written in END_OF_TRANSACTION.findall(printed)
        ]

    def _quote(self, name: str) -> str:
        # Postgres replaces %p and %f also between quotes, so that a % has to be doubled.
        path = str(self.root / name).replace("%", "%%")
        return "'" + path.replace("'", "'\\''") + "'"


def find_owner(path: Path) -> int | None:
    """Return the id of the account that owns a file of this machine; None if it is not there."""
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise PlaceError(f"{path} cannot be read: {error.strerror or error}.") from error
