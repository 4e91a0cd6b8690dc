"""One round: publish its traffic, inject its faults, wait until all is handled, and audit."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from aiokafka.errors import KafkaError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.cli import cluster
from shared.db import migrations, roles
from shared.dev.demo import actual
from shared.dev.demo import companies as cast
from shared.dev.demo import database_setup as setting
from shared.dev.demo.records import Topics
from shared.embedded.servers import Servers
from shared.settings import DatabaseSettings, KafkaSettings, Settings
from shared.topics import TOPICS, build_evolution_topics
from tests.faults import hostile, ticket_fixtures, traffic
from tests.faults.audit import Case, StartState, all_topics, audit
from tests.faults.fault_injection import (
    QUIET_RESTART,
    TRAFFIC_S,
    FaultInjector,
    choose_theme,
    list_themes,
)
from tests.faults.findings import DEAD_LETTERS, TWICE, Finding
from tests.faults.gateway import Gateway
from tests.faults.quiescence import Quiescence
from tests.faults.reading import Ends, open_reader
from tests.faults.served import Served, asking
from tests.faults.worker_pool import SERVICES, WorkerPool

PARTITIONS = 3
EVENTS = 120  # gateway events of a round
FREEZING = ("frozen", "slow")  # the first words of themes
QUIET_SHARE = 0.3  # of the traffic and time of other rounds; the restart needs the rest
START_S = 60.0
NOT_STARTED = "The workers did not start; see {}."
LAST_FACTS_S = 1.0
CANCELLED_WITHIN_S = 1.0
ANSWERED_S = 5.0  # how long to wait for send results before the first audit
FINAL = {TWICE, DEAD_LETTERS}  # findings that do not go away with time


@dataclass(frozen=True, slots=True)
class Outcome:
    """The events and faults of a round, and the findings of its audit."""

    number: int
    seed: str
    theme: str
    seconds: float
    events: int
    faults: dict[str, int]
    deaths: dict[str, int]
    findings: list[Finding] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        """The number of findings of each kind."""
        return Counter(finding.kind for finding in self.findings)


class RoundRunner:
    """Servers and workers on which rounds run one after another."""

    def __init__(
        self, pool: WorkerPool, engine: AsyncEngine, settings: Settings, patience_s: float
    ) -> None:
        self.pool = pool
        self.watch = Quiescence(
            settings.kafka.bootstrap_servers, engine, build_topics(settings), PARTITIONS
        )
        self._engine = engine
        self._settings = settings
        self._patience_s = patience_s

    async def run_round(self, number: int, seed: str, theme: str | None = None) -> Outcome:
        """Run one round; traffic, faults and their moments follow from the seed."""
        began = time.monotonic()
        theme = theme or choose_theme(number)
        random = Random(seed)
        share = QUIET_SHARE if theme == QUIET_RESTART else 1.0
        case = await self.prepare(number, random, round(EVENTS * share))
        injector = FaultInjector(self.pool)
        async with self.run_gateway(case) as answered, self._asking(case, theme) as served:
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(
                    traffic.publish(self._settings.kafka, case.traffic.records, TRAFFIC_S * share)
                )
                group.create_task(injector.run_plan(list_themes()[theme](random)))
            case = replace(case, acknowledged=publishing.result())
            await asyncio.wait((answered,), timeout=ANSWERED_S)
            findings = await self.wait_for_findings(case)
        findings += served.list_findings(injector.freezes)
        if theme == QUIET_RESTART and not findings:
            findings = await self._restart_quietly(random.sample(SERVICES, 2))
            injector.injected["whole services left"] += 2
        deaths, self.pool.deaths = self.pool.deaths, Counter()
        return Outcome(
            number, seed, theme, time.monotonic() - began, len(case.acknowledged),
            dict(injector.injected), dict(deaths), findings,
        )  # fmt: skip

    async def prepare(self, number: int, random: Random, events: int) -> Case:
        """Insert new companies and tickets, and build their traffic."""
        now = datetime.now(UTC)
        name = f"{number}-{int(now.timestamp() * 1000):x}"
        company_cast = cast.build_companies(name)
        async with self._engine.begin() as conn:
            stage = await setting.insert_demo_rows(conn, company_cast, now)
            fixtures = await ticket_fixtures.build(conn, company_cast, stage)
            last_letter = await actual.load_last_dead_letter_id(conn)
        topics = build_topics(self._settings)
        before = StartState(await self.read_ends(), last_letter)
        place = traffic.RoundSetting(name, stage, company_cast, topics, now, fixtures)
        return Case(
            topics, stage, fixtures, traffic.build_traffic(place, random, events), (), before
        )

    @asynccontextmanager
    async def _asking(self, case: Case, theme: str) -> AsyncIterator[Served]:
        """Ask for health and post to webhooks, in rounds that freeze servers or slow them down."""
        if not theme.startswith(FREEZING):
            yield Served()
            return
        async with asking(self.pool, list(case.stage.lines.values())) as served:
            yield served

    @asynccontextmanager
    async def run_gateway(self, case: Case) -> AsyncIterator[asyncio.Task[None]]:
        """Run a gateway that answers the round's sends; yield its task, done after the last one."""
        starts = {
            place: end
            for place, end in case.before.ends.items()
            if place.topic == case.topics.get_own("message.send")
        }
        gateway = Gateway(case.topics, case.fixtures, case.traffic.requests, starts)
        serving = asyncio.create_task(gateway.serve(self._settings.kafka, PARTITIONS))
        try:
            yield serving
        finally:
            while not serving.done():  # aiokafka may swallow one cancellation while it closes
                serving.cancel()
                await asyncio.wait((serving,), timeout=CANCELLED_WITHIN_S)
            if not serving.cancelled():
                serving.result()

    async def wait_for_findings(self, case: Case) -> list[Finding]:
        """Audit until nothing is found, a finding is final, or the time is over."""
        deadline = time.monotonic() + self._patience_s
        findings: list[Finding] = []
        while True:
            await self.watch.wait_until_quiet(case.stage.company_ids, deadline)
            with suppress(KafkaError, SQLAlchemyError, OSError):
                findings = await self._audit(case)
                if not findings or FINAL & {finding.kind for finding in findings}:
                    return findings
            if time.monotonic() > deadline:
                return findings
            await asyncio.sleep(LAST_FACTS_S)

    async def _restart_quietly(self, services: Sequence[str]) -> list[Finding]:
        """Check that services that stop and start again when all is published publish nothing."""
        everybody = [slot for slot in self.pool.slots if slot.service in services]
        await self.pool.stop_workers(everybody)
        findings = [
            Finding(TWICE, f"the checkpoint {place} still holds facts that were published")
            for place in await self.watch.list_uncleared_outboxes(services)
        ]
        before = await self.read_ends()
        self.pool.start_again(everybody)
        if not await self.pool.wait_until_assigned(START_S):
            raise TimeoutError(NOT_STARTED.format(self.pool.servers.state / "logs"))
        after = await self.read_ends()
        return findings + [
            Finding(
                TWICE, f"{after[place] - end} facts on {place} were published again at a restart"
            )
            for place, end in before.items()
            if after[place] > end
        ]

    async def read_ends(self) -> Ends:
        """Return the end offsets of all topics."""
        async with open_reader(self._settings.kafka.bootstrap_servers, PARTITIONS) as reading:
            return await reading.read_ends(all_topics(build_topics(self._settings)))

    async def _audit(self, case: Case) -> list[Finding]:
        async with (
            open_reader(self._settings.kafka.bootstrap_servers, PARTITIONS) as reading,
            self._engine.connect() as conn,
        ):
            return await audit(conn, reading, case)


def build_topics(settings: Settings) -> Topics:
    """Return the topic names of this deployment."""
    return Topics(settings.namespace, settings.evolution_prefix)


@asynccontextmanager
async def start_round_runner(
    servers: Servers, processes: int, patience_s: float, seeded_bug: str | None = None
) -> AsyncIterator[RoundRunner]:
    """Create tables and topics, start the workers, and kill them at the end of the block."""
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers=servers.kafka_bootstrap),
        database=DatabaseSettings.model_validate({"DATABASE_URL": servers.database_url}),
    )
    await migrations.upgrade(settings.database.url)
    await _create_topics(settings)
    engine = create_async_engine(settings.database.url, poolclass=NullPool)
    async with engine.begin() as conn:
        await roles.apply(conn, servers.role_passwords)
        await hostile.install_trigger(conn)
    pool = WorkerPool(servers, seeded_bug)
    watching: asyncio.Task[None] | None = None
    try:
        pool.start_services(processes)
        watching = asyncio.create_task(pool.watch())
        runner = RoundRunner(pool, engine, settings, patience_s)
        if not await pool.wait_until_assigned(START_S):
            raise TimeoutError(NOT_STARTED.format(servers.state / "logs"))
        yield runner
    finally:
        if watching is not None:
            watching.cancel()
        pool.kill_all()
        await engine.dispose()


def get_log_folder(servers: Servers) -> Path:
    """Return the folder of the logs of servers and workers."""
    return servers.state / "logs"


async def _create_topics(settings: Settings) -> None:
    own = [replace(t, name=f"{settings.namespace}.{t.name}", partitions=PARTITIONS) for t in TOPICS]
    raw = [
        replace(t, partitions=PARTITIONS) for t in build_evolution_topics(settings.evolution_prefix)
    ]
    async with cluster.connect_admin(settings.kafka) as admin:
        await cluster.create_topics(admin, own + raw)
