"""Manifests and places of backups for tests."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from obstore.store import MemoryStore

from shared.backup.manifest import FILE, Kind, Manifest, Source, StoredFile, TableSum
from shared.backup.pipes import Tally
from shared.backup.places import Bucket, Place

DEPLOYMENT = UUID("11111111-2222-3333-4444-555555555555")
CONTENT = b"rows of all tables"


def build_bucket() -> Bucket:
    """Return an object store in the memory of this process."""
    return Bucket(MemoryStore(), "s3://backups")


def build_manifest(content: bytes = CONTENT, **members: Any) -> Manifest:
    tally = Tally()
    list(tally.pass_on([content]))
    first = Manifest(
        version="0.1.0",
        kind=Kind.FULL,
        company=None,
        started_at=datetime(2026, 11, 30, 12, tzinfo=UTC),
        finished_at=datetime(2026, 11, 30, 12, 1, tzinfo=UTC),
        encryption=None,
        client_version="18.6",
        source=build_source(),
        tables={"Contacts": TableSum(rows=3, checksum="17", columns=["id", "name"])},
        file=StoredFile(name="database.dump.zst", size=tally.size, sha256=tally.sha256),
    )
    return first.model_copy(update=members)


def build_source(**members: Any) -> Source:
    first = Source(
        revision="2",
        deployment=DEPLOYMENT,
        database="chatia",
        server_version="18.6",
        system_identifier="7",
        wal_position="0/1",
        extensions=[],
        checkpoints=[],
    )
    return first.model_copy(update=members)


def keep_backup(place: Place, folder: str, manifest: Manifest, content: bytes = CONTENT) -> None:
    """Write a backup whose file has this content, whatever the manifest says of it."""
    place.write(f"{folder}/{manifest.file.name}", split(content))
    place.write_at_once(f"{folder}/{FILE}", manifest.model_dump_json().encode())


def split(content: bytes) -> Iterable[bytes]:
    half = len(content) // 2
    return (content[:half], content[half:])
