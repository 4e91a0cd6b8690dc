"""Base backups by pg_basebackup, and WAL that the server copies into a folder by a script."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.backup import manifest as manifests
from shared.backup.catalogue import is_good_base, list_backups
from shared.backup.continuous import reading, server
from shared.backup.continuous.data_folder import DataFolder
from shared.backup.continuous.plans import Plan, choose_plan
from shared.backup.continuous.port import BaseBackup, Progress, Recovered, Verified
from shared.backup.continuous.tar_check import CHECKSUMS, TarCheck
from shared.backup.continuous.targets import Target
from shared.backup.continuous.wal_folder import WalFolder
from shared.backup.continuous.wal_names import Segment, choose_lineage
from shared.backup.creation import NAME_FORMAT
from shared.backup.encryption import choose_encryption, encrypt
from shared.backup.errors import DamagedBackupError, ProgramError, RefusalError
from shared.backup.manifest import Kind, Manifest, Source, StoredFile, WalRange
from shared.backup.pipes import Pipeline, Tally, compress, count
from shared.backup.places import Place
from shared.backup.programs import (
    ClientPrograms,
    build_client_environment,
    find_client_programs,
    find_server_programs,
)
from shared.backup.snapshot import read_source
from shared.db.engine import create_unpooled_engine
from shared.version import VERSION

APPLICATION = "chatia db base-backup"
CHECK_S = 5.0
CHECKS_FAILED = 3  # Postgres itself tries again after a second
# WAL comes from the archive; the server waits until that has what the backup needs.
COPY = (
    *("--pgdata=-", "--format=tar", "--wal-method=none", "--checkpoint=fast", "--no-password"),
    f"--manifest-checksums={CHECKSUMS}",
)


@dataclass(frozen=True, slots=True)
class PlainBackups:
    """Base backups in a place, and WAL in a folder that the server writes.

    `recipient` is to whom base backups are encrypted, `identity` the file of the key for age.
    """

    place: Place
    wal: WalFolder
    recipient: str = ""
    identity: str = ""

    @property
    def archive_command(self) -> str:
        """Return the command that runs the script of the folder."""
        return self.wal.archive_command

    def prepare(self, owner: int | None) -> None:
        """Create the folder with its scripts."""
        self.wal.install(owner)

    async def create_base(self, url: str, progress: Progress) -> BaseBackup:
        """Copy all files of the server into a new folder of the place.

        If it is broken off, the folder has no manifest, and is no backup.
        """
        started = datetime.now(UTC)
        folder = f"{started:{NAME_FORMAT}}-{Kind.BASE}"
        before = await _read_server(url)
        programs = find_client_programs(before.source.server_major, ("pg_basebackup",))
        copying = _Copying(url, self.place, folder, self.recipient, programs, progress, before)
        with Pipeline() as pipeline:
            task = asyncio.create_task(asyncio.to_thread(copying.run, pipeline))
            try:
                await _wait_while_archiving(task, url)
                file, wal = await task
            finally:
                if not task.done():
                    pipeline.stop()
                    await asyncio.gather(task, return_exceptions=True)
        self._check_archive_has(wal)
        after = await _read_server(url)
        manifest = Manifest(
            version=VERSION,
            kind=Kind.BASE,
            company=None,
            started_at=started,
            finished_at=after.now,
            encryption=choose_encryption(self.recipient) if self.recipient else None,
            client_version=programs.version,
            source=before.source,
            tables={},
            file=file,
            wal=wal,
            server=before.settings,
        )
        document = manifest.model_dump_json(indent=2).encode()
        path = f"{folder}/{manifests.FILE}"
        await asyncio.to_thread(self.place.write_at_once, path, document)
        return self._describe(folder, manifest)

    def remove_old(self, kept: int) -> Sequence[str]:
        """Remove older base backups of the same server, and the WAL before the oldest kept one.

        Raises DamagedBackupError, and removes nothing, if the newest cannot be read back.
        """
        bases = self._list_good()
        newest = bases[-1]
        identifier = newest[1].source.system_identifier
        own = [each for each in bases if each[1].source.system_identifier == identifier]
        removed, stay = own[:-kept], own[-kept:]
        if not removed:
            return []
        reading.check_base(self.place, *newest, self.identity, lambda _read, _all: None)
        for folder, _ in removed:
            self.place.remove(folder)
        oldest = min((_get_wal(manifest) for _, manifest in stay), key=lambda wal: wal.start)
        number = oldest.start // oldest.segment_bytes
        wal_names = self.wal.remove_before(number, oldest.segment_bytes)
        return [*(folder for folder, _ in removed), *wal_names]

    def verify(self, progress: Progress) -> Verified:
        """Compare every file of the newest base backup with its manifest; read the WAL after it."""
        bases = self._list_good()
        folder, manifest = bases[-1]
        files, remarks = reading.check_base(self.place, folder, manifest, self.identity, progress)
        wal = _get_wal(manifest)
        self._check_archive_has(wal)
        lineage = choose_lineage(wal.timeline, wal.stop, self.wal.read_histories())
        run = self.wal.find_run(wal, lineage)
        if run.missing:
            raise DamagedBackupError(self._describe_gap(run.missing, wal))
        self.wal.check_segments(run.segments, wal.segment_bytes)
        until = None
        try:
            programs = find_server_programs(manifest.source.server_major, ("pg_waldump",))
            until = self.wal.find_last_transaction(run, wal.segment_bytes, programs)
        except ProgramError as error:
            remarks = [*remarks, f"The last transaction is not known: {error}"]
        base = self._describe(folder, manifest)
        return Verified(base, files, len(run.segments), until, remarks)

    def recover(self, target: Target, folder: Path, progress: Progress) -> Recovered:
        """Unpack the base backup before the target, verify it, and tell Postgres the target."""
        data = DataFolder(folder)
        data.check_is_new()
        plan = self._plan(target)
        manifest, check = plan.manifest, TarCheck()
        with data.being_made(), Pipeline() as pipeline:
            chunks = reading.read_base(
                self.place, plan.folder, manifest, self.identity, pipeline, progress
            )
            data.unpack(check.pass_on(chunks))
            check.finish()
            if verifier := _find_verifier(manifest.source.server_major):
                data.verify(verifier)
            data.finish(target, plan.lineage.last, self.wal.restore_command)
        return Recovered(self._describe(plan.folder, manifest), folder, plan.wal_files)

    def _plan(self, target: Target) -> Plan:
        """Return from which base backup the target is reached; raises RefusalError if from none."""
        plan = choose_plan(self._list_good(), target, self.wal)
        manifest = plan.manifest
        if manifest.encryption == "age" and not self.identity:
            raise RefusalError(
                "The backup is encrypted with age: name the file of the key with --identity."
            )
        return plan

    def _list_good(self) -> list[tuple[str, Manifest]]:
        """Return the good base backups, the oldest first; raises RefusalError if there is none."""
        found = [
            (each.folder, each.manifest)
            for each in list_backups(self.place)
            if each.manifest and is_good_base(each)
        ]
        if not found:
            raise RefusalError(
                f"{self.place.describe('')} has no good base backup: run `chatia db base-backup`."
            )
        return found

    def _check_archive_has(self, wal: WalRange) -> None:
        """Raise DamagedBackupError unless the archive has the WAL that a base backup needs."""
        there = self.wal.list_segments(wal.segment_bytes)
        for number in range(
            wal.start // wal.segment_bytes, (wal.stop - 1) // wal.segment_bytes + 1
        ):
            segment = Segment(number, wal.timeline)
            if segment not in there:
                raise DamagedBackupError(self._describe_gap(segment, wal))

    def _describe_gap(self, segment: Segment, wal: WalRange) -> str:
        name = segment.build_name(wal.segment_bytes)
        return (
            f"The file {name} of the WAL is not in {self.wal.root}: without it nothing after it "
            "can be recovered; make a new base backup."
        )

    def _describe(self, folder: str, manifest: Manifest) -> BaseBackup:
        return BaseBackup(
            name=folder,
            where=self.place.describe(folder),
            started_at=manifest.started_at,
            finished_at=manifest.finished_at,
            stored_bytes=manifest.file.size,
            server_major=manifest.source.server_major,
            settings=manifest.server,
        )


def _find_verifier(major: int) -> ClientPrograms | None:
    """Return pg_verifybackup, which reads the unpacked files once more; wheels do not have it."""
    try:
        return find_server_programs(major, ("pg_verifybackup",))
    except ProgramError:
        return None


@dataclass(frozen=True, slots=True)
class _Server:
    source: Source
    settings: dict[str, str]
    size: int
    now: datetime


async def _read_server(url: str) -> _Server:
    """Return what a manifest says of the server; raises RefusalError if it archives no WAL."""
    engine = create_unpooled_engine(url, APPLICATION)
    async with engine.connect() as conn:
        await server.check_archiving(conn)
        return _Server(
            await read_source(conn),
            await server.read_settings(conn),
            int(await conn.scalar(server.SIZE) or 0),
            (await conn.execute(server.NOW)).scalar_one(),
        )


async def _wait_while_archiving(
    task: "asyncio.Task[tuple[StoredFile, WalRange]]", url: str
) -> None:
    """Wait for the end of a copy; raises RefusalError if the server fails to archive meanwhile.

    It would wait for ever, since the backup needs that WAL.
    """
    failing = 0
    while not (await asyncio.wait({task}, timeout=CHECK_S))[0]:
        engine = create_unpooled_engine(url, APPLICATION)
        async with engine.connect() as conn:
            archiving = await server.read_archiving(conn)
        failing = failing + 1 if archiving.is_failing else 0
        if failing == CHECKS_FAILED:
            raise RefusalError(server.describe_failing(archiving))


@dataclass(frozen=True, slots=True)
class _Copying:
    """How the file of a base backup is written."""

    url: str
    place: Place
    folder: str
    recipient: str
    programs: ClientPrograms
    progress: Progress
    server: _Server

    def run(self, pipeline: Pipeline) -> tuple[StoredFile, WalRange]:
        """Write the file; this blocks until the archive has the WAL that it needs."""
        name, check, tally = "base.tar.zst", TarCheck(), Tally()
        command = [self.programs.locate("pg_basebackup"), *COPY, f"--label={self.folder}"]
        copied = pipeline.read_program(command, build_client_environment(self.url))
        counted = count(copied, lambda read: self.progress(read, self.server.size))
        chunks = compress(check.pass_on(counted))
        if self.recipient:
            name += f".{choose_encryption(self.recipient)}"
            chunks = encrypt(chunks, self.recipient, pipeline)
        self.place.write(f"{self.folder}/{name}", tally.pass_on(chunks))
        contents = check.finish()
        wal = WalRange(
            timeline=contents.timeline,
            start=contents.start,
            stop=contents.stop,
            segment_bytes=int(self.server.settings["wal_segment_size"]),
        )
        return StoredFile(name=name, size=tally.size, sha256=tally.sha256), wal


def _get_wal(manifest: Manifest) -> WalRange:
    if manifest.wal is None:
        raise DamagedBackupError("The manifest of a base backup does not say which WAL it needs.")
    return manifest.wal
