"""Makes a backup: rows and sums are read in one snapshot, and the manifest is written last."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.backup import manifest as manifests
from shared.backup.checksums import load_columns, sum_tables
from shared.backup.company_rows import COMPANIES, build_export, list_company_conditions
from shared.backup.encryption import choose_encryption, encrypt
from shared.backup.errors import RefusalError
from shared.backup.manifest import Kind, Manifest, StoredFile, TableSum
from shared.backup.pipes import Pipeline, Tally, compress, count
from shared.backup.places import Place
from shared.backup.programs import (
    ClientPrograms,
    build_client_environment,
    find_client_programs,
)
from shared.backup.snapshot import Snapshot, open_snapshot
from shared.version import VERSION

NAME_FORMAT = "%Y%m%dT%H%M%SZ"
NEEDED = {Kind.COMPANY: ("psql",)}
LOCK_WAIT_MS = 60_000
# pg_dump compresses nothing, since zstd does in a second thread; roles are made by `db roles`.
DUMP = (
    *("--format=custom", "--compress=0", "--schema=public", "--no-owner", "--no-password"),
    *("--no-publications", "--no-subscriptions", f"--lock-wait-timeout={LOCK_WAIT_MS}"),
)
PARTS = {Kind.SCHEMA: ("--schema-only",), Kind.DATA: ("--data-only",)}

# Called with the bytes that were read, and about how many there are in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BackupOrder:
    """What is to be backed up: `company` for Kind.COMPANY; `recipient` to encrypt to."""

    kind: Kind = Kind.FULL
    company: int | None = None
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup: its folder in a place, and its manifest."""

    folder: str
    manifest: Manifest


async def create_backup(
    url: str, place: Place, order: BackupOrder, progress: Progress = lambda _read, _all: None
) -> Backup:
    """Back up the database into a new folder of a place.

    If it is broken off, the folder has no manifest, and is no backup.
    """
    started = datetime.now(UTC)
    folder = f"{started:{NAME_FORMAT}}-{order.kind}"
    if order.kind is Kind.COMPANY:
        folder += f"-{order.company}"
    async with open_snapshot(url) as snapshot:
        if snapshot.source.revision is None:
            raise RefusalError("The database has no tables of ChatIA Flow to back up.")
        programs = find_client_programs(
            snapshot.source.server_major, NEEDED.get(order.kind, ("pg_dump",))
        )
        writing = _Writing(url, place, folder, order, programs, progress)
        tables, file = await _read_and_write(snapshot, writing)
        manifest = Manifest(
            version=VERSION,
            kind=order.kind,
            company=order.company,
            started_at=started,
            finished_at=datetime.now(UTC),
            encryption=choose_encryption(order.recipient) if order.recipient else None,
            client_version=programs.version,
            source=snapshot.source,
            tables=tables,
            file=file,
        )
    document = manifest.model_dump_json(indent=2).encode()
    await asyncio.to_thread(place.write_at_once, f"{folder}/{manifests.FILE}", document)
    return Backup(folder, manifest)


@dataclass(frozen=True, slots=True)
class _Writing:
    """How the file of a backup is written."""

    url: str
    place: Place
    folder: str
    order: BackupOrder
    programs: ClientPrograms
    progress: Progress

    def write(self, snapshot: Snapshot, script: bytes, pipeline: Pipeline) -> StoredFile:
        """Write the file; this blocks until it is complete."""
        name = "rows.sql.zst" if self.order.kind is Kind.COMPANY else "database.dump.zst"
        rows = self._read_database(snapshot, script, pipeline)
        chunks = compress(count(rows, lambda read: self.progress(read, snapshot.table_bytes)))
        if self.order.recipient:
            name += f".{choose_encryption(self.order.recipient)}"
            chunks = encrypt(chunks, self.order.recipient, pipeline)
        tally = Tally()
        self.place.write(f"{self.folder}/{name}", tally.pass_on(chunks))
        return StoredFile(name=name, size=tally.size, sha256=tally.sha256)

    def _read_database(
        self, snapshot: Snapshot, script: bytes, pipeline: Pipeline
    ) -> Iterator[bytes]:
        environment = build_client_environment(self.url)
        if self.order.kind is Kind.COMPANY:
            psql = [self.programs.locate("psql"), "-X", "-q", "--no-password"]
            return pipeline.read_program(psql, environment, [script])
        dump = [self.programs.locate("pg_dump"), *DUMP, *PARTS.get(self.order.kind, ())]
        return pipeline.read_program([*dump, f"--snapshot={snapshot.name}"], environment)


async def _read_and_write(
    snapshot: Snapshot, writing: _Writing
) -> tuple[dict[str, TableSum], StoredFile]:
    """Write the file, and count and sum the rows meanwhile."""
    order = writing.order
    conditions: Mapping[str, str] | None = None
    script = b""
    if order.kind is Kind.COMPANY and order.company is not None:
        conditions = list_company_conditions(order.company)
        columns = await load_columns(snapshot.conn)
        await _check_company(snapshot, order.company, columns)
        script = build_export(order.company, columns, snapshot.name)
    with Pipeline() as pipeline:
        file = asyncio.create_task(asyncio.to_thread(writing.write, snapshot, script, pipeline))
        try:
            tables = (
                {} if order.kind is Kind.SCHEMA else await sum_tables(snapshot.conn, conditions)
            )
            return tables, await asyncio.shield(file)
        finally:
            if not file.done():
                pipeline.stop()
                await asyncio.gather(file, return_exceptions=True)


async def _check_company(snapshot: Snapshot, company: int, tables: Collection[str]) -> None:
    """Raise RefusalError if there is no such company, or not every table of this version."""
    if missing := set(list_company_conditions(company)) - set(tables):
        raise RefusalError(f"The database has no table {min(missing)}: run `chatia db upgrade`.")
    found = await snapshot.conn.exec_driver_sql(
        f'SELECT count(*) FROM public."{COMPANIES}" WHERE id = {company}'
    )
    if not found.scalar():
        raise RefusalError(f"There is no company {company}.")
