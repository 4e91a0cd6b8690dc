"""Restores a backup in one transaction, and compares counts and checksums before it commits."""

import asyncio
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.backup.checksums import SETTINGS, build_sums, list_differences, load_columns
from shared.backup.company_rows import COMPANIES, list_company_conditions
from shared.backup.encryption import decrypt
from shared.backup.errors import BackupError, DamagedBackupError, ProgramError, RefusalError
from shared.backup.manifest import Kind, Manifest, TableSum, read_manifest
from shared.backup.pipes import Pipeline, Tally, count, decompress, describe_failure
from shared.backup.places import Place
from shared.backup.programs import (
    ClientPrograms,
    build_client_environment,
    build_program_environment,
    find_client_programs,
)
from shared.backup.restore_rules import RestoreOrder, Target, choose_part, find_refusal
from shared.backup.restore_script import (
    AVAILABLE,
    Script,
    build_company_script,
    build_data_script,
    build_schema_script,
    choose_entries,
    load_foreign_keys,
)
from shared.db import migrations
from shared.db.bulk import statement
from shared.db.policies import quote_table

END = "end of the sums"
# The archive's own header; servers before this version do not know the setting.
TIMEOUT_SETTING, TIMEOUT_SINCE = b"SET transaction_timeout = 0;\n", 17
PARTS = {Kind.SCHEMA: ("--schema-only",), Kind.DATA: ("--data-only",)}
TRIGRAMS = "pg_trgm"

SERVER = statement("""
SELECT current_setting('server_version_num')::int / 10000 AS major,
       to_regclass('public.alembic_version') IS NOT NULL AS is_migrated
""")
WORKERS = statement("""
SELECT DISTINCT application_name::text FROM pg_stat_activity
WHERE datname = current_database()
  AND application_name IN ('chatia-tickets', 'chatia-messages', 'chatia-contacts',
                           'chatia-campaigns')
""")
REVISION = statement("SELECT version_num FROM public.alembic_version")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and how many rows were compared with the manifest."""

    manifest: Manifest
    part: Kind
    rows: int


async def restore_backup(
    url: str,
    place: Place,
    folder: str,
    order: RestoreOrder,
    progress: Progress = lambda _read, _all: None,
) -> Restored:
    """Restore a backup, or a part of it, and analyze the tables.

    All is checked first, and all happens in one transaction: if this fails or is broken off, the
    database is as it was.
    """
    manifest = await asyncio.to_thread(read_manifest, place, folder)
    part = choose_part(manifest, order)
    async with migrations.exclusive_connection(url) as conn:
        target = await read_target(conn, manifest)
        if refusal := find_refusal(manifest, target, order, migrations.list_revisions()):
            raise RefusalError(refusal)
        script = await _build_script(conn, manifest, part)
        has_trigrams = TRIGRAMS in (await conn.execute(AVAILABLE)).scalars().all()
        await conn.rollback()  # psql locks the tables
        restoring = _Restoring(
            url, place, folder, manifest, part, order.identity, script, target, has_trigrams
        )
        await asyncio.to_thread(check_file, place, folder, manifest, progress)
        await restoring.run(progress)
    async with migrations.connect(url, autocommit=True) as conn:
        await conn.execute(text("ANALYZE"))
    return Restored(manifest, part, manifest.rows if part is not Kind.SCHEMA else 0)


async def read_target(conn: AsyncConnection, manifest: Manifest) -> Target:
    """Return what there is in the database."""
    server = (await conn.execute(SERVER)).one()
    tables = list(await load_columns(conn))
    filled: list[str] = []
    if tables:
        found = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT FROM {quote_table(name)})" for name in tables
        )
        filled = list((await conn.exec_driver_sql(found)).scalars())
    has_company = COMPANIES in tables and bool(
        await conn.scalar(
            text(f"SELECT 1 FROM {quote_table(COMPANIES)} WHERE id = :id"),
            {"id": manifest.company},
        )
    )
    revision = await conn.scalar(REVISION) if server.is_migrated else None
    programs = (await conn.execute(WORKERS)).scalars().all()
    return Target(server.major, revision, tables, filled, has_company, programs)


def check_file(place: Place, folder: str, manifest: Manifest, progress: Progress) -> None:
    """Raise DamagedBackupError unless the file has the size and the sha256 of the manifest."""
    path = f"{folder}/{manifest.file.name}"
    where, expected = place.describe(path), manifest.file
    size = place.find_size(path)
    if size is None:
        raise DamagedBackupError(f"The backup is damaged: {where} is missing; use another one.")
    if size != expected.size:
        raise DamagedBackupError(
            f"The backup is damaged: {where} has {size} bytes instead of {expected.size}; "
            "use another one."
        )
    tally = Tally()
    for chunk in tally.pass_on(place.read(path)):
        progress(len(chunk), 2 * expected.size)
    if tally.sha256 != expected.sha256:
        raise DamagedBackupError(
            f"The backup is damaged: {where} was changed since it was written; use another one."
        )


async def _build_script(conn: AsyncConnection, manifest: Manifest, part: Kind) -> Script:
    if part in {Kind.FULL, Kind.SCHEMA}:
        return await build_schema_script(conn, manifest, with_rows=part is Kind.FULL)
    keys = await load_foreign_keys(conn)
    if part is Kind.COMPANY:
        return build_company_script(manifest, keys)
    return build_data_script(manifest, keys)


@dataclass(frozen=True, slots=True)
class _Restoring:
    """One restore, by pg_restore, which writes SQL, and psql, which runs it."""

    url: str
    place: Place
    folder: str
    manifest: Manifest
    part: Kind
    identity: str
    script: Script
    target: Target
    has_trigrams: bool

    async def run(self, progress: Progress) -> None:
        """Restore, compare, commit; nothing is changed if this raises or is cancelled."""
        with Pipeline() as pipeline:
            running = asyncio.create_task(asyncio.to_thread(self._restore, pipeline, progress))
            try:
                await asyncio.shield(running)
            finally:
                if not running.done():
                    pipeline.stop()
                    await asyncio.gather(running, return_exceptions=True)

    def _restore(self, pipeline: Pipeline, progress: Progress) -> None:
        dump_major = int(self.manifest.client_version.partition(".")[0])
        programs = find_client_programs(
            max(self.target.server_major, dump_major), ("pg_restore", "psql")
        )
        rows = self._read_script(pipeline, programs, progress)
        expected = {} if self.part is Kind.SCHEMA else self.manifest.tables
        company = self.manifest.company
        question = _build_question(
            expected, None if company is None else list_company_conditions(company)
        )
        psql = [programs.locate("psql"), "-X", "-q", "-A", "-t", "--no-password"]
        with tempfile.TemporaryFile() as complaint:
            session = pipeline.start(
                psql, build_client_environment(self.url), complaint, reads=True
            )
            try:
                _run_and_compare(session, self.script.wrap(rows), question, expected)
            except BrokenPipeError as error:
                code = session.wait()
                raise _build_error(describe_failure(psql[0], code, complaint)) from error

    def _read_script(
        self, pipeline: Pipeline, programs: ClientPrograms, progress: Progress
    ) -> Iterator[bytes]:
        """Yield the SQL of what is restored."""
        size = 2 * self.manifest.file.size  # the checking counts, too
        if self.manifest.kind is Kind.COMPANY:
            yield from self._read_file(pipeline, lambda read: progress(read, size))
            return
        program, environment = programs.locate("pg_restore"), build_program_environment()
        archive = self._read_file(pipeline, lambda _: None)
        listing = b"".join(pipeline.read_program([program, "--list"], environment, archive))
        entries = choose_entries(
            listing.decode(), has_trigrams=self.has_trigrams, has_schema=self.part is Kind.FULL
        )
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".list") as chosen:
            chosen.write(entries)
            chosen.flush()
            options = ("--no-owner", "--no-privileges", f"--use-list={chosen.name}", "--file=-")
            arguments = [program, *options, *PARTS.get(self.part, ())]
            archive = self._read_file(pipeline, lambda read: progress(read, size))
            written = pipeline.read_program(arguments, environment, archive)
            yield _drop_unknown_setting(next(written, b""), self.target.server_major)
            yield from written

    def _read_file(self, pipeline: Pipeline, advance: Callable[[int], None]) -> Iterator[bytes]:
        path = f"{self.folder}/{self.manifest.file.name}"
        chunks = count(self.place.read(path), advance)
        if self.manifest.encryption:
            chunks = decrypt(chunks, self.manifest.encryption, self.identity, pipeline)
        return decompress(chunks)


def _run_and_compare(
    session: subprocess.Popen[bytes],
    script: Iterable[bytes],
    question: bytes,
    expected: Mapping[str, TableSum],
) -> None:
    """Give psql a script, compare the sums of tables, and commit.

    Raises BrokenPipeError if psql ended before, and DamagedBackupError if the sums differ.
    """
    if session.stdin is None or session.stdout is None:
        raise ProgramError("psql has no pipes.")
    for chunk in script:
        session.stdin.write(chunk)
    session.stdin.write(question)
    session.stdin.flush()
    found: dict[str, tuple[int, str]] = {}
    for line in session.stdout:
        if line.strip() == END.encode():
            break
        name, rows, checksum = line.decode().rstrip("\n").split("|")
        found[name] = (int(rows), checksum)
    else:
        raise BrokenPipeError
    if differences := list_differences(expected, found):
        raise DamagedBackupError(
            f"What was restored is not what was backed up: {differences[0]}; nothing was changed."
        )
    session.stdin.write(b"COMMIT;\n")
    session.stdin.close()
    if session.wait():
        raise BrokenPipeError


def _build_question(
    expected: Mapping[str, TableSum], conditions: Mapping[str, str] | None
) -> bytes:
    """Return SQL that prints the sums of tables, and then a line that ends them."""
    lines = [r"\o", *(f"{setting};" for setting in SETTINGS.split(";"))]
    if expected:
        columns = {name: table.columns for name, table in expected.items()}
        lines.append(f"{build_sums(columns, conditions)};")
    return "\n".join([*lines, rf"\echo '{END}'", ""]).encode()


def _drop_unknown_setting(header: bytes, server_major: int) -> bytes:
    return header.replace(TIMEOUT_SETTING, b"") if server_major < TIMEOUT_SINCE else header


def _build_error(message: str) -> BackupError:
    """Return the error for what psql complains of; the transaction was rolled back."""
    said = f"{message} Nothing was changed."
    if "duplicate key" in message:
        return RefusalError(f"The database has rows with the same keys already: {said}")
    return ProgramError(said)
