"""The manifest of a backup: what it holds, and how that is proved after a restore."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.backup.encryption import Encryption
from shared.backup.errors import DamagedBackupError, ForeignBackupError, RefusalError
from shared.backup.places import Place

FILE = "manifest.json"
PRODUCT: Final = "chatia-flow"
FORMAT = 1


class Kind(StrEnum):
    """What a backup holds."""

    FULL = "full"
    SCHEMA = "schema"
    DATA = "data"
    COMPANY = "company"
    BASE = "base"  # all files of the server, from which WAL leads to a point in time


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class TableSum(_Part):
    """The number of a table's rows, and a checksum of these columns, in any order of the rows."""

    rows: int
    checksum: str
    columns: Sequence[str]


class Position(_Part):
    """A checkpoint: the next offset that a service reads of a partition of Kafka."""

    service: str
    topic: str
    partition: int
    next_offset: int
    epoch: int
    last_timestamp: int | None
    last_crc: int | None


class StoredFile(_Part):
    """A file of the backup: its name in the folder, its bytes and their sha256 in hex."""

    name: str
    size: int
    sha256: str


class WalRange(_Part):
    """The WAL without which a base backup is not consistent; positions are bytes of the WAL."""

    timeline: int
    start: int
    stop: int
    segment_bytes: int


class Extension(_Part):
    """An extension that indexes need, and the schema in which it is."""

    name: str
    schema_name: str


class Source(_Part):
    """The database of a backup, all read in the snapshot of its rows."""

    revision: str | None
    deployment: UUID | None
    database: str
    server_version: str
    system_identifier: str | None
    wal_position: str | None
    extensions: Sequence[Extension]
    checkpoints: Sequence[Position]

    @property
    def server_major(self) -> int:
        """Return the major version of the server."""
        return int(self.server_version.partition(".")[0])


class Manifest(_Part):
    """What a backup is; it is written last, so that a backup with one is complete."""

    product: Literal["chatia-flow"] = PRODUCT
    format: int = FORMAT
    version: str
    kind: Kind
    company: int | None
    started_at: datetime
    finished_at: datetime
    encryption: Encryption | None
    client_version: str
    source: Source
    tables: dict[str, TableSum]
    file: StoredFile
    wal: WalRange | None = None  # of a base backup alone, as `server`, settings by their names
    server: dict[str, str] = {}

    @property
    def rows(self) -> int:
        """Return the rows of all tables."""
        return sum(table.rows for table in self.tables.values())


class _Head(BaseModel):
    """What tells whether the rest can be read."""

    product: str = ""
    format: int = 0


def read_manifest(place: Place, folder: str) -> Manifest:
    """Read the manifest of a backup.

    Raises DamagedBackupError without one, ForeignBackupError if it is not of this program, and
    RefusalError if it is of a newer version.
    """
    path = f"{folder}/{FILE}"
    where = place.describe(folder)
    if place.find_size(path) is None:
        if folder not in place.list_folders():
            raise ForeignBackupError(f"{where} is no folder of a backup.")
        raise DamagedBackupError(
            f"{where} has no {FILE}: it is no backup, or one that was cut off; use another one."
        )
    return parse_manifest(b"".join(place.read(path)), where)


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Parse a manifest; raises as `read_manifest` does."""
    try:
        head = _Head.model_validate_json(data)
    except ValidationError as error:
        raise DamagedBackupError(f"The {FILE} of {where} cannot be read: it is damaged.") from error
    if head.product != PRODUCT:
        raise ForeignBackupError(f"{where} is not a backup of ChatIA Flow.")
    if head.format > FORMAT:
        raise RefusalError(
            f"{where} was made by a newer version of ChatIA Flow: upgrade this one first."
        )
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise DamagedBackupError(f"The {FILE} of {where} cannot be read: it is damaged.") from error
