"""The manifest of an archive: what it holds, and how that is proved when it is brought back."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.backup.errors import DamagedBackupError
from shared.backup.manifest import FILE, StoredFile, TableSum
from shared.backup.places import Place

ROWS: Final = "rows.ndjson.zst"


class ArchiveManifest(BaseModel):
    """The rows of one company and month; it is written last, so that an archive with one is whole.

    `month` is such as 2025-03, in UTC.
    """

    model_config = ConfigDict(frozen=True)

    product: Literal["chatia-flow"] = "chatia-flow"
    kind: Literal["archive"] = "archive"
    format: Literal[1] = 1
    version: str
    company: int
    month: str
    archived_at: datetime
    tables: dict[str, TableSum]
    file: StoredFile

    @property
    def rows(self) -> int:
        """Return the rows of all tables."""
        return sum(table.rows for table in self.tables.values())


def name_folder(company: int, month: str, at: datetime) -> str:
    """Return the folder of an archive, such as 7-2025-03-20261130T150000Z."""
    return f"{name_prefix(company, month)}{at:%Y%m%dT%H%M%SZ}"


def name_prefix(company: int, month: str) -> str:
    """Return how the folders of a company and month begin; every purge adds one."""
    return f"{company}-{month}-"


def read_manifest(place: Place, folder: str) -> ArchiveManifest:
    """Read the manifest of an archive; raises DamagedBackupError if it cannot be used."""
    path, where = f"{folder}/{FILE}", place.describe(folder)
    if place.find_size(path) is None:
        raise DamagedBackupError(
            f"{where} has no {FILE}: it was broken off, and nothing of it went."
        )
    try:
        return ArchiveManifest.model_validate_json(b"".join(place.read(path)))
    except ValidationError as error:
        raise DamagedBackupError(
            f"The {FILE} of {where} is damaged, or of a newer version."
        ) from error
