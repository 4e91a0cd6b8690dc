"""Traffic that goes on around a point in time, and a server that is recovered to it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from shared.backup.continuous.data_folder import change_owner
from shared.backup.continuous.recovered_server import IS_PAUSED, PROMOTE, run_recovered
from shared.backup.programs import find_server_programs
from shared.embedded.folders import Cluster
from shared.embedded.postgres import Postgres
from shared.embedded.ready import find_free_ports
from tests.support.archiving_server import ArchivingServer
from tests.support.chatia import chatia
from tests.support.deployment import Deployment
from tests.support.recovery import receive

POLL_S = 0.05
PAUSE_S = 0.02  # of traffic
ARCHIVED = """
SELECT last_archived_wal >= pg_walfile_name($1::text::pg_lsn) FROM pg_stat_archiver
"""


async def ask(url: str, query: str, *values: object) -> list[Any]:
    """Return the first column."""
    conn = await asyncpg.connect(url)
    try:
        return [row[0] for row in await conn.fetch(query, *values)]
    finally:
        await conn.close()


async def switch_wal(url: str) -> None:
    """Let the server archive what it has, and wait until that is done."""
    (position,) = await ask(url, "SELECT pg_switch_wal()::text")
    async with asyncio.timeout(60):
        while await ask(url, ARCHIVED, position) != [True]:  # noqa: ASYNC110 - Postgres tells nobody
            await asyncio.sleep(POLL_S)


@dataclass
class Traffic:
    """Messages and marks that go on until they are stopped; `point` is between two marks."""

    flow: Deployment
    received: list[str] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    is_running: bool = True

    async def publish(self) -> None:
        while self.is_running:
            wid = f"A{len(self.received):05}"
            await receive(self.flow, wid)
            self.received.append(wid)
            await asyncio.sleep(PAUSE_S)

    async def mark(self) -> None:
        """Commit marks, one by one."""
        url = self.flow.settings.database.url.replace("+asyncpg", "")
        conn = await asyncpg.connect(url)
        try:
            while self.is_running:
                number = len(self.marks)
                await conn.execute("INSERT INTO test.marks VALUES ($1)", number)
                self.marks.append(number)
                await asyncio.sleep(PAUSE_S)
        finally:
            await conn.close()

    async def until_stored(self, count: int) -> None:
        query = "SELECT 1 WHERE (SELECT count(*) FROM test.stored) >= :count"
        await self.flow.until_any(query, count=count)


@asynccontextmanager
async def traffic(flow: Deployment) -> AsyncIterator[Traffic]:
    going = Traffic(flow)
    tasks = [asyncio.create_task(going.publish()), asyncio.create_task(going.mark())]
    try:
        yield going
    finally:
        going.is_running = False
        await asyncio.gather(*tasks)


@asynccontextmanager
async def recovered(backing: ArchivingServer, point: datetime) -> AsyncIterator[Postgres]:
    """Recover to a point into a new folder, and start a server on it, which stops there."""
    source, folder = backing.server, backing.root / "recovered"
    folder.mkdir()
    folder.chmod(0o755)
    words = ("recover", "--to", point.isoformat(), "--into", str(folder / "data"))
    made = await asyncio.to_thread(backing.run, *words)
    assert (made.code, made.complaint) == (0, "")
    assert "chatia db recover --finish" in made.answer
    server = Postgres(
        source.binaries,
        Cluster(folder, source.cluster.password),
        folder / "postgres.log",
        find_free_ports(1)[0],
        settings={"archive_mode": "off"},  # for the other tests of this archive
    )
    await asyncio.to_thread(server.run)
    try:
        async with asyncio.timeout(60):
            while await ask(server.url, IS_PAUSED) != [True]:  # noqa: ASYNC110 - see above
                await asyncio.sleep(POLL_S)
        yield server
    finally:
        await asyncio.to_thread(server.stop)


async def promote(server: Postgres) -> None:
    await ask(server.url, PROMOTE)
    async with asyncio.timeout(60):
        while await ask(server.url, "SELECT pg_is_in_recovery()") != [False]:  # noqa: ASYNC110 - see above
            await asyncio.sleep(POLL_S)


async def read_recovered(
    archiving: ArchivingServer, to: str, wait_for: str, query: str
) -> list[Any]:
    """Recover to a target, wait until a query is true, and return two answers of another one.

    The second one is that of the promoted server.
    """
    folder = archiving.root / f"recovered-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    folder.chmod(0o711)
    words = ("recover", "--to", to, "--into", str(folder / "data"))
    made = await asyncio.to_thread(archiving.run, *words)
    assert (made.code, made.complaint) == (0, "")
    change_owner(folder)
    major = archiving.server.binaries.major
    programs = find_server_programs(major, ("postgres",))
    async with run_recovered(folder / "data", archiving.url, programs, {}) as server:
        async with asyncio.timeout(60):
            while not await server.is_true(wait_for):  # noqa: ASYNC110 - Postgres tells nobody
                await asyncio.sleep(POLL_S)
        before = await server.ask(query)
        said = {"DATABASE_URL": server.address}
        status = await asyncio.to_thread(chatia, "db", "wal", "status", "--json", environment=said)
        assert (status.code, status.json["isStandby"]) == (0, True)
        await server.promote()
        return [before, await server.ask(query)]
