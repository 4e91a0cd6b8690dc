"""Checks a base backup while it passes by: a tar of files, with Postgres' own manifest at the end.

The manifest lists every file with its size and sha256. Nothing is written, so that a large server
can be checked without as much free space.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shared.backup.continuous.wal_names import parse_position
from shared.backup.errors import DamagedBackupError

BLOCK_BYTES = 512
MANIFEST = "backup_manifest"
CHECKSUMS = "SHA256"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a tar holds: how many files, and the WAL that they need to be consistent."""

    files: int
    timeline: int
    start: int
    stop: int


@dataclass
class TarCheck:
    """Reads the chunks of a tar; `finish` compares its files with the manifest."""

    _block: bytearray = field(default_factory=bytearray)
    _left: int = 0
    _padding: int = 0
    _name: str = ""
    _size: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _manifest: bytearray = field(default_factory=bytearray)
    _found: dict[str, tuple[int, str]] = field(default_factory=dict)

    def pass_on(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks as they are."""
        for chunk in chunks:
            self._read(memoryview(chunk))
            yield chunk

    def finish(self) -> Contents:
        """Return what there was; raises DamagedBackupError unless it is what the manifest says."""
        if self._left or not self._manifest:
            raise DamagedBackupError("The base backup ends too early.")
        try:
            manifest = json.loads(self._manifest)
            expected = {_read_path(each): each for each in manifest["Files"]}
            wal = manifest["WAL-Ranges"][-1]
            contents = Contents(
                files=len(expected),
                timeline=int(wal["Timeline"]),
                start=parse_position(wal["Start-LSN"]),
                stop=parse_position(wal["End-LSN"]),
            )
        except (ValueError, KeyError, IndexError) as error:
            raise DamagedBackupError(f"The {MANIFEST} of the base backup is damaged.") from error
        for path in sorted(expected.keys() | self._found.keys()):
            if problem := _compare(expected.get(path), self._found.get(path)):
                raise DamagedBackupError(f"The file {path} of the base backup {problem}.")
        return contents

    def _read(self, view: memoryview) -> None:
        while view:
            if self._left:
                part = view[: self._left]
                self._read_content(part)
            elif self._padding:
                part = view[: self._padding]
                self._padding -= len(part)
            else:
                part = view[: BLOCK_BYTES - len(self._block)]
                self._block += part
                if len(self._block) == BLOCK_BYTES:
                    self._begin_file(bytes(self._block))
                    self._block.clear()
            view = view[len(part) :]

    def _begin_file(self, block: bytes) -> None:
        if not block.strip(b"\0"):  # two of them end a tar
            return
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise DamagedBackupError("The base backup is no readable tar.") from error
        if not header.isreg():
            return
        self._name, self._size, self._left = header.name, header.size, header.size
        self._padding = -header.size % BLOCK_BYTES
        self._digest = hashlib.sha256()
        if not self._left:
            self._end_file()

    def _read_content(self, part: memoryview) -> None:
        self._digest.update(part)
        if self._name == MANIFEST:
            self._manifest += part
        self._left -= len(part)
        if not self._left:
            self._end_file()

    def _end_file(self) -> None:
        if self._name != MANIFEST:
            self._found[self._name] = (self._size, self._digest.hexdigest())


def _read_path(entry: dict[str, str]) -> str:
    """Return the path of a file of the manifest, which has it in hex if it is not UTF-8."""
    if "Path" in entry:
        return entry["Path"]
    return bytes.fromhex(entry["Encoded-Path"]).decode("utf-8", "surrogateescape")


def _compare(expected: dict[str, str] | None, found: tuple[int, str] | None) -> str:
    """Return what is wrong with a file; empty if it is what the manifest says."""
    if expected is None:
        return "is not in its manifest"
    if found is None:
        return "is missing"
    size, checksum = found
    if int(expected["Size"]) != size:
        return f"has {size} bytes instead of {expected['Size']}"
    if expected.get("Checksum-Algorithm", CHECKSUMS) != CHECKSUMS:
        return f"has a checksum that is no {CHECKSUMS}"
    return "" if expected.get("Checksum") == checksum else "was changed"
