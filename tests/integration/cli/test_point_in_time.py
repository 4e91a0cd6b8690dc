"""A server that archives its WAL: base backups, their verification, drills, and a recovery."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.backup.continuous.recovered_server import IS_PAUSED
from shared.cli.gateway_sim import FaultOptions, SimulatedGateway, WebhookOptions
from shared.db import roles
from shared.db.identity import DatabaseReplacedError, record_identity
from shared.db.migrations import upgrade
from shared.embedded.accounts import find_account
from shared.embedded.postgres import Postgres
from shared.settings import DatabaseSettings, SendingSettings
from tests.support import world
from tests.support.archiving_server import ArchivingServer, archiving_server
from tests.support.chatia import chatia
from tests.support.deployment import APPS, Deployment, deployment
from tests.support.deployment_cli import run_chatia
from tests.support.point_in_time import (
    POLL_S,
    ask,
    promote,
    read_recovered,
    recovered,
    switch_wal,
    traffic,
)
from tests.support.probes import free_port
from tests.support.recovery import (
    CONNECTION,
    MESSAGES,
    OURS,
    SENT,
    Rows,
    compose,
    use_database,
    workers,
)
from tests.support.servers import ROLE_PASSWORD, make_roles

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# When each message was committed; rows of "Messages" themselves change later.
LEDGER = (
    "CREATE SCHEMA test",
    "CREATE TABLE test.stored (id bigint PRIMARY KEY)",
    "CREATE TABLE test.marks (id int PRIMARY KEY)",
    """CREATE FUNCTION test.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN INSERT INTO test.stored VALUES (NEW.id); RETURN NULL; END $$""",
    "GRANT USAGE ON SCHEMA test TO PUBLIC",
    """CREATE TRIGGER note AFTER INSERT ON "Messages"
    FOR EACH ROW EXECUTE FUNCTION test.note()""",
)
COMMITTED = "SELECT id FROM test.stored WHERE pg_xact_commit_timestamp(xmin) <= $1 ORDER BY id"
MARKED = "SELECT id FROM test.marks WHERE pg_xact_commit_timestamp(xmin) <= $1 ORDER BY id"
STORED = 'SELECT id FROM "Messages" ORDER BY id'
NOTED = "SELECT id FROM test.stored ORDER BY id"
MARKS = "SELECT id FROM test.marks ORDER BY id"
NEXT_FILES = """
SELECT pg_walfile_name(pg_current_wal_insert_lsn() + number * 16777216::numeric)
FROM generate_series(0, 4) number
"""
KEEP = "INSERT INTO kept VALUES ($1)"
KEPT_LATEST = "SELECT count(*) FROM kept WHERE target = 'latest'"
KEPT_POSITION = "SELECT count(*) FROM kept WHERE target = 'position'"
HAS_LATEST = f"SELECT ({KEPT_LATEST}) = 2 AND pg_is_in_recovery()"
NUMBERS = """
SELECT number FROM "Contacts" WHERE "companyId" = 1 GROUP BY number HAVING count(*) > 1
"""
REQUESTS = """
SELECT "requestId" FROM "Requests" WHERE service = 'messages' AND "requestId" LIKE 'r%'
ORDER BY "requestId"
"""
STATES = """
SELECT m.body, s.status FROM "Sends" s
JOIN "Messages" m ON m."companyId" = s."companyId" AND m.wid = s.wid ORDER BY m.body
"""


def folders_are_closed() -> bool:
    """Return whether the server's account is another one, which cannot read pytest's folders."""
    return find_account() is not None


async def write_and_switch(url: str) -> None:
    await ask(url, "CREATE TABLE IF NOT EXISTS filler (id int)")
    await ask(url, "INSERT INTO filler VALUES (1)")
    await switch_wal(url)


@pytest.fixture(scope="module")
def archiving() -> Iterator[ArchivingServer]:
    with archiving_server(track_commit_timestamp="on") as started:
        url = DatabaseSettings.model_validate({"DATABASE_URL": started.url}).url
        asyncio.run(upgrade(url))
        asyncio.run(make_roles(url))
        yield started


@pytest.fixture(scope="module")
def base(archiving: ArchivingServer) -> str:
    """Make a base backup, with three files of WAL after it; return its name."""
    made = archiving.run("base-backup", "--json")
    assert (made.code, made.complaint) == (0, "")
    for _ in range(3):
        asyncio.run(write_and_switch(archiving.url))
    return str(made.json["backup"])


def copy_files(archiving: ArchivingServer, base: str, target: Path) -> dict[str, str]:
    """Copy one base backup and the WAL; return an environment in which there is nothing else."""
    shutil.copytree(archiving.backups / base, target / "backups" / base)
    shutil.copytree(archiving.wal, target / "wal")
    return {
        "CHATIA_BACKUPS": str(target / "backups"),
        "CHATIA_WAL_ARCHIVE": str(target / "wal"),
    }


def list_segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if len(path.name.partition(".zst")[0]) == 24)


def test_a_server_says_how_far_its_wal_is_archived(archiving: ArchivingServer, base: str) -> None:
    found = archiving.run("wal", "status", "--json").json
    assert (found["isOn"], found["isFailing"], found["timeoutS"]) == (True, False, 5)
    assert found["lastArchived"] >= list_segments(archiving.wal)[0].name[:24]
    assert found["slots"] == []
    assert "WAL is archived, after 5 s at most" in archiving.run("wal", "status").answer
    listed = archiving.run("backups", "--json").json
    assert [each["good"] for each in listed if each["backup"] == base] == [True]


def test_a_base_backup_and_its_wal_are_read_back(
    archiving: ArchivingServer, base: str, tmp_path: Path
) -> None:
    found = chatia("db", "verify", "--json", environment=copy_files(archiving, base, tmp_path))
    assert (found.code, found.complaint) == (0, "")
    verified = found.json["baseBackup"]
    assert (verified["backup"], found.json["backup"]) == (base, None)
    assert verified["files"] > 1000
    assert verified["walFiles"] >= 4
    assert verified["until"] > verified["finishedAt"]


def test_what_is_missing_or_damaged_is_named(
    archiving: ArchivingServer, base: str, tmp_path: Path
) -> None:
    environment = copy_files(archiving, base, tmp_path)
    segments = list_segments(tmp_path / "wal")
    gap = segments[-2]
    content = gap.read_bytes()
    for spoilt, sentence in (
        (None, f"The file {gap.name[:24]} of the WAL is not in {tmp_path / 'wal'}"),
        (content[:-9], "it ends too early"),
        (content[:-9] + b"X" * 9, "cannot be decompressed"),
    ):
        gap.unlink(missing_ok=True)
        if spoilt is not None:
            gap.write_bytes(spoilt)
        ended = chatia("db", "verify", environment=environment)
        assert (ended.code, ended.answer) == (1, "")
        assert sentence in ended.complaint
    gap.write_bytes(content)
    file = tmp_path / "backups" / base / "base.tar.zst"
    changed = bytearray(file.read_bytes())
    changed[len(changed) // 2] ^= 255
    file.write_bytes(changed)
    ended = chatia("db", "verify", environment=environment)
    assert (ended.code, ended.answer) == (1, "")


async def test_a_point_that_cannot_be_reached_is_refused_and_nothing_is_made(
    archiving: ArchivingServer, base: str, tmp_path: Path
) -> None:
    environment = copy_files(archiving, base, tmp_path)
    target = tmp_path / "recovered"
    for to, code, sentence in (
        ("2020-01-01T00:00:00Z", 4, "No base backup ended before 2020-01-01T00:00:00"),
        ("2999-01-01T00:00:00Z", 2, "is in the future"),
        (datetime.now(UTC).isoformat(), 4, "The archive ends with a transaction of"),
        ("FFFF/0", 4, f"The archive in {tmp_path / 'wal'} goes to 0/"),
        ("0/28", 4, "No base backup ended before 0/28"),
        ("2026-11-30 14:05", 2, "has no time zone"),
        ("yesterday", 2, "is no time such as"),
    ):
        words = ("db", "recover", "--to", to, "--into", str(target))
        ended = chatia(*words, environment=environment)
        assert (ended.code, ended.answer) == (code, ""), to
        assert sentence in ended.complaint
    list_segments(tmp_path / "wal")[-2].unlink()
    latest = ("db", "recover", "--to", "latest", "--into")
    ended = chatia(*latest, str(target), environment=environment)
    assert (ended.code, ended.answer) == (1, "")
    assert "is missing" in ended.complaint
    assert not target.exists()
    ended = chatia(*latest, str(tmp_path), environment=environment)
    assert ended.code == 4
    assert f"{tmp_path} is not empty" in ended.complaint


async def test_a_file_that_cannot_be_archived_is_said_and_no_base_backup_begins(
    archiving: ArchivingServer,
) -> None:
    # The next ones, too, since the server may go on to them meanwhile.
    names = await ask(archiving.url, NEXT_FILES)
    others = [archiving.wal / name for name in names]
    for other in others:
        other.write_bytes(b"of another server")
    await ask(archiving.url, "CREATE TABLE IF NOT EXISTS filler (id int)")
    await ask(archiving.url, "INSERT INTO filler VALUES (1)")
    await ask(archiving.url, "SELECT pg_switch_wal()")
    try:
        async with asyncio.timeout(60):
            while not archiving.run("wal", "status", "--json").json["isFailing"]:  # noqa: ASYNC110 - Postgres tells nobody
                await asyncio.sleep(POLL_S)
        assert "The archive fails: " in archiving.run("wal", "status").answer
        refused = archiving.run("base-backup")
        assert (refused.code, refused.answer) == (4, "")
        assert re.search(f"The server fails to archive ({'|'.join(names)})", refused.complaint)
        assert {other.read_bytes() for other in others} == {b"of another server"}
    finally:
        for other in others:
            other.unlink()
    await write_and_switch(archiving.url)
    assert not archiving.run("wal", "status", "--json").json["isFailing"]


def test_only_who_may_change_settings_lets_a_server_archive_and_only_where_it_can_write(
    archiving: ArchivingServer, tmp_path: Path
) -> None:
    login = DatabaseSettings.model_validate({"DATABASE_URL": archiving.url}).with_login(
        roles.name_role("chatia", "reader"), ROLE_PASSWORD
    )
    environment = archiving.environment | {"DATABASE_URL": login.url}
    refused = chatia("db", "wal", "enable", environment=environment)
    assert (refused.code, refused.answer) == (4, "")
    assert "Ask a provider for recovery to a point in time" in refused.complaint
    hidden = tmp_path / "wal"
    tmp_path.chmod(0o700)
    words = ("wal", "enable", "--archive", str(hidden))
    if folders_are_closed():
        ended = archiving.run(*words)
        assert ended.code == 4
        assert "archive.sh" in ended.complaint


@pytest.mark.parametrize(
    ("to", "reached", "counted", "rows"),
    [
        ("latest", HAS_LATEST, KEPT_LATEST, 2),
        ("", IS_PAUSED, KEPT_POSITION, 1),
    ],
    ids=["latest", "position"],
)
@pytest.mark.usefixtures("base")
async def test_the_end_of_the_archive_and_a_position_are_reached_and_wait_for_a_promotion(
    archiving: ArchivingServer, to: str, reached: str, counted: str, rows: int
) -> None:
    await ask(archiving.url, "CREATE TABLE IF NOT EXISTS kept (target text)")
    await ask(archiving.url, KEEP, to or "position")
    (position,) = await ask(archiving.url, "SELECT pg_current_wal_insert_lsn()::text")
    await ask(archiving.url, KEEP, to or "position")
    await switch_wal(archiving.url)
    assert await read_recovered(archiving, to or position, reached, counted) == [rows, rows]


async def test_a_drill_recovers_exactly_the_rows_before_its_point_and_leaves_nothing(
    archiving: ArchivingServer,
) -> None:
    ended = archiving.run("drill", "--json")
    assert (ended.code, ended.complaint) == (0, "")
    found = ended.json
    assert (found["succeeded"], found["problems"]) == (True, [])
    assert (found["rowsBefore"], found["rowsAfter"]) == (50, 50)
    assert found["tablesCompared"] + found["tablesChanging"] > 80
    assert found["rpoS"] == pytest.approx(5 + found["archiveS"])
    assert found["rtoS"] == pytest.approx(found["restoreS"] + found["replayS"] + found["promoteS"])
    assert await ask(archiving.url, "SELECT to_regnamespace('chatia_drill') IS NULL") == [True]
    assert list(archiving.root.glob("chatia-drill-*")) == []


async def live_around_the_point(flow: Deployment, backing: ArchivingServer) -> datetime:
    """Receive and send messages before and after a point in time, without a pause; return it."""
    async with workers(flow.settings, flow), traffic(flow) as going:
        made = await asyncio.to_thread(backing.run, "base-backup")
        assert (made.code, made.complaint) == (0, "")
        await going.until_stored(10)
        await flow.publish(flow.request(compose(1)))
        await flow.until_any(f"{SENT} = 1")
        await going.until_stored(40)
        (point,) = await ask(backing.url, "SELECT clock_timestamp()")
        await flow.publish(flow.request(compose(2)))
        await flow.until_any(f"{SENT} = 2")
        await going.until_stored(len(going.received) + 20)
        going.is_running = False
        await flow.settled()
    await flow.engine.dispose()
    assert isinstance(point, datetime)
    return point


@dataclass
class Lived:
    """What the database had when the traffic ended, and what was committed before the point."""

    point: datetime
    theirs: Rows
    ours: Rows
    requests: Rows
    marks: list[int]
    committed: list[int]


async def look_back(flow: Deployment, backing: ArchivingServer, point: datetime) -> Lived:
    await switch_wal(backing.url)
    lived = Lived(
        point=point,
        theirs=await flow.sql(MESSAGES),
        ours=await flow.sql(OURS),
        requests=await flow.sql(REQUESTS),
        marks=await ask(backing.url, MARKED, point),
        committed=await ask(backing.url, COMMITTED, point),
    )
    await flow.engine.dispose()
    return lived


async def assert_is_as_committed(server: Postgres, lived: Lived) -> None:
    """Assert that the rows committed before the point are there, and no others."""
    assert await ask(server.url, NOTED) == lived.committed
    assert await ask(server.url, STORED) == lived.committed
    assert await ask(server.url, MARKS) == lived.marks
    assert 0 < len(lived.committed) < len(lived.theirs) + len(lived.ours)


async def assert_nothing_is_lost_or_twice(restored: Deployment, lived: Lived) -> None:
    await restored.settled()
    assert await restored.sql(MESSAGES) == lived.theirs
    assert await restored.sql(OURS) == lived.ours
    assert await restored.sql(NUMBERS) == []
    assert await restored.sql(REQUESTS) == lived.requests
    assert await restored.sql('SELECT reason FROM "DeadLetters"') == []


async def assert_sends_wait_for_a_person(restored: Deployment) -> None:
    await restored.publish(restored.request(compose(3)))
    await restored.settled()
    assert [row["status"] for row in await restored.sql(STATES)][-1] == "waiting"
    assert (await run_chatia(restored, "sends", "resume")).code == 0
    await restored.until_any(f"{SENT} = 3")


async def prepare(flow: Deployment, gateway: str) -> None:
    """Let the workers' database be known, with a line that sends by a gateway."""
    async with flow.engine.begin() as conn:
        await record_identity(conn)
    await world.company(flow, 1)
    await world.line(flow, 10, 1)
    await flow.sql(CONNECTION, server=gateway)


async def test_a_point_in_time_under_traffic_has_what_was_committed_and_kafka_has_the_rest(
    archiving: ArchivingServer, kafka_bootstrap: str
) -> None:
    sending = SendingSettings(enabled=True, retry_ms=50, waha_api_key=SecretStr("k"))
    gateway, port = SimulatedGateway("waha", FaultOptions(), WebhookOptions()), free_port()
    for command in LEDGER:
        await ask(archiving.url, command)
    async with (
        gateway.serve(port),
        deployment(kafka_bootstrap, archiving.url, [], sending=sending) as flow,
    ):
        await prepare(flow, f"http://127.0.0.1:{port}")
        point = await live_around_the_point(flow, archiving)
        lived = await look_back(flow, archiving, point)
        async with recovered(archiving, point) as server:
            await assert_is_as_committed(server, lived)
            await promote(server)
            settings = use_database(flow.settings, server.url)
            with pytest.raises(DatabaseReplacedError, match="timeline 2 instead of 1"):
                await APPS["contacts"](settings).run()
            restored = flow.on(settings)
            found = (await run_chatia(restored, "db", "recover", "--finish", "--json")).json
            assert (found["wentBack"], found["lostSends"], found["lostLogs"]) == (True, 1, [])
            async with workers(settings, restored):
                await assert_nothing_is_lost_or_twice(restored, lived)
                assert [sent["text"] for sent in gateway.sent] == ["Bom dia 1", "Bom dia 2"]
                await assert_sends_wait_for_a_person(restored)
            await restored.engine.dispose()
    assert [sent["text"] for sent in gateway.sent] == ["Bom dia 1", "Bom dia 2", "Bom dia 3"]
