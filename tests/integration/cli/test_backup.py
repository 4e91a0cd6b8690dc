"""Backups of real databases, restored into others: the same rows, or a refusal and no change."""

import asyncio
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from shared.backup import programs
from shared.backup.catalogue import list_backups
from shared.backup.checksums import sum_tables
from shared.backup.creation import BackupOrder, create_backup
from shared.backup.errors import BusyDatabaseError, DamagedBackupError, ProgramError, RefusalError
from shared.backup.manifest import FILE, Kind, Source, TableSum, read_manifest
from shared.backup.places import Folder, split_address
from shared.backup.restoration import Restored, restore_backup
from shared.backup.restore_rules import RestoreOrder
from shared.backup.snapshot import open_snapshot
from shared.db.migrations import LOCK
from shared.settings import DatabaseSettings
from tests.laws.samples import WORLD
from tests.support.chatia import Ended, chatia
from tests.support.servers import TestServers, cloned

# Rows of a second company, with foreign keys in circles, texts that COPY has to escape, and a plan.
NEIGHBOUR = r"""
INSERT INTO "Plans" (id, name) VALUES (40, 'Plano da loja');
INSERT INTO "Companies" (id, name, "planId") VALUES (2, 'Vizinha', 40);
INSERT INTO "Users" (id, "companyId", name, email, "passwordHash")
  VALUES (50, 2, 'Bia', 'bia@example.com', '');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (20, 2, 'Linha da vizinha');
INSERT INTO "QueueIntegrations" (id, "companyId", type, name, "projectName", "jsonContent",
                                 "urlN8N", language)
  VALUES (60, 2, 'n8n', 'Bot', 'p', '{}', 'https://n8n.example.com', 'pt');
INSERT INTO "Queues" (id, "companyId", name, color, "integrationId")
  VALUES (70, 2, 'Balcão', '#abc', 60);
UPDATE "Users" SET "whatsappId" = 20 WHERE id = 50;
INSERT INTO "Contacts" (id, "companyId", name, number)
  VALUES (900, 2, E'tab\t, line\n, \\N and ''quotes'' ☺', '5511888000000');
INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset", epoch)
  VALUES ('messages', 'chatia.message.routed', 3, 42, 1);
"""
COUNTS = """
SELECT (SELECT count(*) FROM "Contacts"), (SELECT count(*) FROM "Messages"),
       (SELECT count(*) FROM "Companies")
"""
INVALID_KEYS = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
KEYS = (
    "SELECT conrelid::regclass::text || conname FROM pg_constraint WHERE contype = 'f' ORDER BY 1"
)

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"

pytestmark = pytest.mark.integration


@dataclass
class State:
    tables: dict[str, TableSum]
    source: Source


Backed = tuple[Folder, str]


@dataclass(frozen=True)
class Kept:
    """A database that no test changes, what is in it, and a full backup of it."""

    url: str
    state: State
    backed: Backed

    @property
    def folder(self) -> Path:
        """Return the folder of the backup; tests change copies of it."""
        place, name = self.backed
        return Path(place.describe(name))


async def ask(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(query)
        return [tuple(row) if len(row) > 1 else row[0] for row in rows]
    finally:
        await connection.close()


async def run(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


def sqlalchemy_url(url: str) -> str:
    return DatabaseSettings.model_validate({"DATABASE_URL": url}).url


async def fill(url: str) -> None:
    await run(url, WORLD)
    await run(url, NEIGHBOUR)


async def back_up(url: str, root: Path, order: BackupOrder | None = None) -> Backed:
    place = Folder(root)
    made = await create_backup(sqlalchemy_url(url), place, order or BackupOrder())
    return place, made.folder


async def restore(url: str, backed: Backed, *, existing: bool = False, **how: Any) -> Restored:
    order = RestoreOrder(is_into_existing=existing, **how)
    return await restore_backup(sqlalchemy_url(url), *backed, order)


async def state_of(url: str) -> State:
    """Return the counts and checksums of all tables, and what a manifest says of a database."""
    async with open_snapshot(sqlalchemy_url(url)) as snapshot:
        return State(await sum_tables(snapshot.conn), snapshot.source)


def command(url: str, *words: str) -> Ended:
    return chatia("db", *words, environment={"DATABASE_URL": url})


@pytest.fixture(scope="module")
def kept(
    servers: TestServers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept]:
    """Fill a database and back it up once for all tests."""

    async def make(url: str) -> Kept:
        await fill(url)
        backed = await back_up(url, tmp_path_factory.mktemp("kept"))
        return Kept(url, await state_of(url), backed)

    with asyncio.Runner() as runner:
        database = cloned(servers.database_url, migrated_template)
        url = runner.run(database.__aenter__())
        yield runner.run(make(url))
        runner.run(database.__aexit__(None, None, None))


async def test_a_full_backup_is_restored_with_the_same_counts_and_checksums(
    kept: Kept, database_url: str, tmp_path: Path
) -> None:
    backed = command(kept.url, "backup", "--to", str(tmp_path), "--json")
    assert (backed.code, backed.complaint) == (0, "")
    where = backed.json["where"]
    restored = command(database_url, "restore", where)
    assert (restored.code, restored.complaint) == (0, "")
    assert f"{backed.json['rows']} rows of" in restored.answer
    before = read_manifest(*split_address(where))
    after = await state_of(database_url)
    assert after.tables == before.tables
    assert after.tables["Messages"].rows == 1400
    assert after.source.deployment == before.source.deployment
    assert after.source.checkpoints == before.source.checkpoints
    assert [c.next_offset for c in after.source.checkpoints] == [42]
    assert await ask(database_url, KEYS) == await ask(kept.url, KEYS)
    assert command(database_url, "status").code == 0
    assert command(database_url, "roles").code == 0


async def test_rows_go_into_a_migrated_database_and_foreign_keys_are_proved(
    kept: Kept, migrated_url: str, tmp_path: Path
) -> None:
    backed = await back_up(kept.url, tmp_path, BackupOrder(Kind.DATA))
    keys = await ask(migrated_url, KEYS)
    await restore(migrated_url, backed)
    assert (await state_of(migrated_url)).tables == kept.state.tables
    assert await ask(migrated_url, KEYS) == keys
    assert await ask(migrated_url, INVALID_KEYS) == [0]
    assert await ask(migrated_url, "SELECT nextval('\"Contacts_id_seq\"')") == [1]


async def test_rows_that_break_a_foreign_key_are_refused_and_nothing_is_changed(
    migrated_url: str, another_migrated_url: str, tmp_path: Path
) -> None:
    await fill(migrated_url)
    await run(
        migrated_url,
        """
        ALTER TABLE "LaneTimers" DROP CONSTRAINT "fk_LaneTimers_companyId_ticketId";
        DELETE FROM "TicketTags"; DELETE FROM "Tickets" WHERE id = 1003;
        """,
    )
    backed = await back_up(migrated_url, tmp_path, BackupOrder(Kind.DATA))
    keys = await ask(another_migrated_url, KEYS)
    with pytest.raises(ProgramError, match=r"violates foreign key .* Nothing was changed"):
        await restore(another_migrated_url, backed)
    assert await ask(another_migrated_url, KEYS) == keys
    assert await ask(another_migrated_url, COUNTS) == [(0, 0, 0)]


async def test_the_schema_alone_is_of_the_same_revision_and_a_new_deployment(
    kept: Kept, database_url: str
) -> None:
    await restore(database_url, kept.backed, part=Kind.SCHEMA)
    assert await ask(database_url, COUNTS) == [(0, 0, 0)]
    after = await state_of(database_url)
    assert after.source.revision == kept.state.source.revision
    assert after.source.deployment not in {None, kept.state.source.deployment}


async def test_newer_client_programs_back_up_and_restore_an_older_server(
    kept: Kept, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "INSTALLED", ())  # so that those of the wheel are taken
    place, folder = await back_up(kept.url, tmp_path)
    assert read_manifest(place, folder).client_version.startswith("18.")
    await restore(database_url, (place, folder))
    assert (await state_of(database_url)).tables == kept.state.tables


async def test_a_company_that_was_deleted_comes_back_beside_the_others(
    migrated_url: str, tmp_path: Path
) -> None:
    await fill(migrated_url)
    before = await state_of(migrated_url)
    backed = await back_up(migrated_url, tmp_path, BackupOrder(Kind.COMPANY, company=2))
    await run(migrated_url, 'DELETE FROM "Companies" WHERE id = 2; DELETE FROM "Plans"')
    restored = await restore(migrated_url, backed, existing=True)
    assert restored.manifest.tables["Contacts"].rows == 1
    assert (await state_of(migrated_url)).tables == before.tables
    assert await ask(migrated_url, "SELECT nextval('\"Contacts_id_seq\"') > 900") == [True]
    deferrable = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND condeferrable"
    assert await ask(migrated_url, deferrable) == [0]


async def test_a_backup_of_a_company_holds_no_row_of_another(
    kept: Kept, migrated_url: str, tmp_path: Path
) -> None:
    backed = await back_up(kept.url, tmp_path, BackupOrder(Kind.COMPANY, company=2))
    await restore(migrated_url, backed)
    assert await ask(migrated_url, 'SELECT DISTINCT "companyId" FROM "Contacts"') == [2]
    assert await ask(migrated_url, 'SELECT id FROM "Companies"') == [2]
    assert await ask(migrated_url, 'SELECT name FROM "Contacts"') == await ask(
        kept.url, 'SELECT name FROM "Contacts" WHERE "companyId" = 2'
    )


async def test_a_company_whose_ids_are_taken_is_refused_and_nothing_is_changed(
    migrated_url: str, tmp_path: Path
) -> None:
    await fill(migrated_url)
    backed = await back_up(migrated_url, tmp_path, BackupOrder(Kind.COMPANY, company=2))
    await run(
        migrated_url,
        """
        DELETE FROM "Companies" WHERE id = 2;
        INSERT INTO "Contacts" (id, "companyId", name, number) VALUES (900, 1, 'Outra', '1');
        """,
    )
    counts = await ask(migrated_url, COUNTS)
    with pytest.raises(RefusalError, match="rows with the same keys already"):
        await restore(migrated_url, backed, existing=True)
    assert await ask(migrated_url, COUNTS) == counts


async def test_rows_that_are_written_meanwhile_are_in_no_backup(
    migrated_url: str, database_url: str, tmp_path: Path
) -> None:
    await fill(migrated_url)
    once = threading.Lock()

    def write(_read: int, _all: int) -> None:
        if once.acquire(blocking=False):
            asyncio.run(run(migrated_url, 'DELETE FROM "Messages"; DELETE FROM "MessageMarks"'))

    place = Folder(tmp_path)
    made = await create_backup(sqlalchemy_url(migrated_url), place, BackupOrder(), write)
    assert await ask(migrated_url, 'SELECT count(*) FROM "Messages"') == [0]
    await restore(database_url, (place, made.folder))
    assert await ask(database_url, 'SELECT count(*) FROM "Messages"') == [1400]


def cut(folder: Path) -> None:
    path = folder / "database.dump.zst"
    path.write_bytes(path.read_bytes()[:-1])


def change(folder: Path) -> None:
    path = folder / "database.dump.zst"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lose_file(folder: Path) -> None:
    (folder / "database.dump.zst").unlink()


def lose_manifest(folder: Path) -> None:
    (folder / FILE).unlink()


def rewrite(**members: Any) -> Callable[[Path], None]:
    def change_manifest(folder: Path) -> None:
        written = json.loads((folder / FILE).read_bytes())
        source = {**written["source"], **members.get("source", {})}
        written |= {**members, "source": source}
        (folder / FILE).write_text(json.dumps(written))

    return change_manifest


SPOILED = (
    (cut, 1, "bytes instead of"),
    (change, 1, "was changed since it was written"),
    (lose_file, 1, "is missing"),
    (lose_manifest, 1, "was cut off"),
    (rewrite(product="another"), 2, "is not a backup of ChatIA Flow"),
    (rewrite(format=2), 4, "made by a newer version of ChatIA Flow"),
    (rewrite(product=7), 1, "it is damaged"),
    (rewrite(source={"revision": "29990101000000"}), 4, "is newer than this version"),
)


async def test_a_backup_that_is_no_good_is_refused_in_a_sentence(
    kept: Kept, database_url: str, tmp_path: Path
) -> None:
    for number, (spoil, code, sentence) in enumerate(SPOILED):
        spoiled = tmp_path / f"spoiled-{number}"
        shutil.copytree(kept.folder, spoiled)
        spoil(spoiled)
        ended = command(database_url, "restore", str(spoiled))
        assert (ended.code, ended.answer) == (code, ""), sentence
        assert sentence in ended.complaint
        assert ended.complaint.count("\n") == 1
    assert await ask(database_url, TABLES) == [0]


async def test_other_sums_than_those_of_the_manifest_roll_everything_back(
    kept: Kept, database_url: str, tmp_path: Path
) -> None:
    changed = shutil.copytree(kept.folder, tmp_path / kept.folder.name)
    manifest = json.loads((changed / FILE).read_bytes())
    manifest["tables"]["Contacts"]["checksum"] = "1"
    (changed / FILE).write_text(json.dumps(manifest))
    with pytest.raises(DamagedBackupError, match="Contacts has other values; nothing was changed"):
        await restore(database_url, (Folder(tmp_path), changed.name))
    assert await ask(database_url, "SELECT to_regclass('public.\"Contacts\"') IS NULL") == [True]


async def test_a_database_in_use_is_replaced_only_if_asked_for(
    kept: Kept, migrated_url: str
) -> None:
    await run(migrated_url, "INSERT INTO \"Companies\" (id, name) VALUES (99, 'Velha')")
    with pytest.raises(RefusalError, match="The database is not empty"):
        await restore(migrated_url, kept.backed)
    assert await ask(migrated_url, 'SELECT id FROM "Companies"') == [99]
    await restore(migrated_url, kept.backed, existing=True)
    assert await ask(migrated_url, 'SELECT id FROM "Companies" ORDER BY id') == [1, 2]
    await run(migrated_url, "UPDATE \"Companies\" SET name = 'X' WHERE id = 1")
    await restore(migrated_url, kept.backed, part=Kind.DATA, existing=True)
    assert (await state_of(migrated_url)).tables == kept.state.tables


async def test_a_backup_that_is_broken_off_is_no_backup(kept: Kept, tmp_path: Path) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(_read: int, _all: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        threading.Event().wait(0.2)

    making = asyncio.create_task(
        create_backup(sqlalchemy_url(kept.url), Folder(tmp_path), BackupOrder(), stop)
    )
    await begun.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    (left,) = list_backups(Folder(tmp_path))
    assert left.is_cut_off
    listed = command(kept.url, "backups", "--to", str(tmp_path))
    assert "it was cut off" in listed.answer


async def test_no_backup_is_made_of_no_company_or_while_the_schema_is_changed(
    kept: Kept, tmp_path: Path
) -> None:
    ended = command(kept.url, "backup", "--company", "9", "--to", str(tmp_path))
    assert (ended.code, ended.complaint) == (4, "There is no company 9.\n")
    other = await asyncpg.connect(kept.url)
    await other.fetchval("SELECT pg_advisory_lock($1)", LOCK)
    try:
        with pytest.raises(BusyDatabaseError, match="The schema is being changed"):
            await back_up(kept.url, tmp_path)
    finally:
        await other.close()
    assert list_backups(Folder(tmp_path)) == []


async def test_a_timer_makes_one_backup_a_day(kept: Kept, tmp_path: Path) -> None:
    words = ("backup", "--daily", "--keep", "7d,4w", "--to", str(tmp_path), "--json")
    first, second = (command(kept.url, *words) for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert (first.json["new"], second.json["new"]) == (True, False)
    assert first.json["where"] == second.json["where"]
    (listed,) = command(kept.url, "backups", "--to", str(tmp_path), "--json").json
    assert listed["good"]
    assert listed["trouble"] is None
