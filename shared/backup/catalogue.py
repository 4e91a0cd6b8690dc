"""The backups in a place: which are complete, and which were cut off."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.backup.creation import NAME_FORMAT
from shared.backup.errors import DamagedBackupError, ForeignBackupError, RefusalError
from shared.backup.manifest import FILE, Kind, Manifest, read_manifest
from shared.backup.places import Place

NAME = re.compile(r"(\d{8}T\d{6}Z)-(?:full|schema|data|base|company-\d+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder with the name of a backup: its manifest, or why it is no good backup."""

    folder: str
    begun_at: datetime
    manifest: Manifest | None
    trouble: str = ""
    is_cut_off: bool = False


def list_backups(place: Place) -> list[Entry]:
    """Return the backups of a place, the oldest first; other folders are left out.

    A backup is good if it has a manifest and a file of the size that this says. Its sha256 is not
    compared: that reads the whole file.
    """
    entries = []
    for folder in place.list_folders():
        if match := NAME.fullmatch(folder):
            begun_at = datetime.strptime(match[1], NAME_FORMAT).replace(tzinfo=UTC)
            entries.append(_read_entry(place, folder, begun_at))
    return entries


def is_good_base(entry: Entry) -> bool:
    """Return whether it is a complete base backup."""
    return entry.manifest is not None and not entry.trouble and entry.manifest.kind is Kind.BASE


def _read_entry(place: Place, folder: str, begun_at: datetime) -> Entry:
    if place.find_size(f"{folder}/{FILE}") is None:
        return Entry(folder, begun_at, None, f"it has no {FILE}: it was cut off", is_cut_off=True)
    try:
        manifest = read_manifest(place, folder)
    except (DamagedBackupError, ForeignBackupError, RefusalError) as error:
        return Entry(folder, begun_at, None, str(error))
    size = place.find_size(f"{folder}/{manifest.file.name}")
    if size != manifest.file.size:
        trouble = f"{manifest.file.name} has {size or 0} bytes instead of {manifest.file.size}"
        return Entry(folder, begun_at, manifest, trouble)
    return Entry(folder, begun_at, manifest)
