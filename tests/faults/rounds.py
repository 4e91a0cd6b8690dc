"""One round: its traffic, what is broken meanwhile, the waiting, and the audit."""

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
from shared.demo import cast, found, setting
from shared.demo.records import Topics
from shared.embedded.servers import Servers
from shared.settings import DatabaseSettings, KafkaSettings, Settings
from shared.topics import TOPICS, evolution_topics
from tests.faults import desk, hostile, traffic
from tests.faults.audit import Before, Case, all_topics, audit
from tests.faults.crew import BASE, Crew
from tests.faults.findings import LETTERS, TWICE, Finding
from tests.faults.gateway import Gateway
from tests.faults.havoc import QUIET_RESTART, TRAFFIC_S, Havoc, theme_of, themes
from tests.faults.reading import Ends, reader
from tests.faults.settled import Watch

PARTITIONS = 3
EVENTS = 120  # gateway events of a round
QUIET_SHARE = 0.3  # of its traffic and time, for a restart takes as long again
START_S = 60.0
NOT_STARTED = "The workers did not start; see {}."
LAST_FACTS_S = 1.0
CANCELLED_WITHIN_S = 1.0
ANSWERED_S = 5.0  # how long sends are waited for before the first audit
FINAL = {TWICE, LETTERS}  # what no waiting mends


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round did and what the auditor found."""

    number: int
    seed: str
    theme: str
    seconds: float
    events: int
    harm: dict[str, int]
    deaths: dict[str, int]
    findings: list[Finding] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        """How many findings of each kind."""
        return Counter(finding.kind for finding in self.findings)


class Arena:
    """Servers and workers on which rounds are played, one after another."""

    def __init__(
        self, crew: Crew, engine: AsyncEngine, settings: Settings, patience_s: float
    ) -> None:
        self.crew = crew
        self.watch = Watch(
            settings.kafka.bootstrap_servers, engine, topics_of(settings), PARTITIONS
        )
        self._engine = engine
        self._settings = settings
        self._patience_s = patience_s

    async def play(self, number: int, seed: str, theme: str | None = None) -> Outcome:
        """Play one round; the seed gives its traffic and what is broken, and when."""
        began = time.monotonic()
        theme = theme or theme_of(number)
        random = Random(seed)
        share = QUIET_SHARE if theme == QUIET_RESTART else 1.0
        case = await self.prepare(number, random, round(EVENTS * share))
        havoc = Havoc(self.crew)
        async with self.answering(case) as answered:
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(
                    traffic.publish(self._settings.kafka, case.traffic.records, TRAFFIC_S * share)
                )
                group.create_task(havoc.carry_out(themes()[theme](random)))
            case = replace(case, acknowledged=publishing.result())
            await asyncio.wait((answered,), timeout=ANSWERED_S)
            findings = await self.verdict(case)
        if theme == QUIET_RESTART and not findings:
            findings = await self._restart_quietly(random.sample(BASE, 2))
            havoc.done["whole services left"] += 2
        deaths, self.crew.deaths = self.crew.deaths, Counter()
        return Outcome(
            number, seed, theme, time.monotonic() - began, len(case.acknowledged),
            dict(havoc.done), dict(deaths), findings,
        )  # fmt: skip

    async def prepare(self, number: int, random: Random, events: int) -> Case:
        """Set the stage for new companies and write their traffic."""
        now = datetime.now(UTC)
        name = f"{number}-{int(now.timestamp() * 1000):x}"
        company_cast = cast.companies(name)
        async with self._engine.begin() as conn:
            stage = await setting.build(conn, company_cast, now)
            held = await desk.build(conn, company_cast, stage)
            last_letter = await found.last_letter(conn)
        topics = topics_of(self._settings)
        before = Before(await self.ends(), last_letter)
        place = traffic.Setting(name, stage, company_cast, topics, now, held)
        return Case(topics, stage, held, traffic.compose(place, random, events), (), before)

    @asynccontextmanager
    async def answering(self, case: Case) -> AsyncIterator[asyncio.Task[None]]:
        """Let a gateway answer the round's sends meanwhile; gives the task that ends with that."""
        starts = {
            place: end
            for place, end in case.before.ends.items()
            if place.topic == case.topics.own("message.send")
        }
        gateway = Gateway(case.topics, case.desk, case.traffic.requests, starts)
        serving = asyncio.create_task(gateway.serve(self._settings.kafka, PARTITIONS))
        try:
            yield serving
        finally:
            while not serving.done():  # aiokafka may swallow one cancellation while it closes
                serving.cancel()
                await asyncio.wait((serving,), timeout=CANCELLED_WITHIN_S)
            if not serving.cancelled():
                serving.result()

    async def verdict(self, case: Case) -> list[Finding]:
        """Audit until all is well, or nothing can become well, or patience ends."""
        deadline = time.monotonic() + self._patience_s
        findings: list[Finding] = []
        while True:
            await self.watch.settled(case.stage.company_ids, deadline)
            with suppress(KafkaError, SQLAlchemyError, OSError):
                findings = await self._audit(case)
                if not findings or FINAL & {finding.kind for finding in findings}:
                    return findings
            if time.monotonic() > deadline:
                return findings
            await asyncio.sleep(LAST_FACTS_S)

    async def _restart_quietly(self, services: Sequence[str]) -> list[Finding]:
        """When all has been told, services that leave and come back have nothing to tell."""
        everybody = [slot for slot in self.crew.slots if slot.service in services]
        await self.crew.dismiss(everybody)
        findings = [
            Finding(TWICE, f"the checkpoint {place} still holds facts that were told")
            for place in await self.watch.left_outboxes(services)
        ]
        before = await self.ends()
        self.crew.recall(everybody)
        if not await self.crew.is_at_work(START_S):
            raise TimeoutError(NOT_STARTED.format(self.crew.servers.state / "logs"))
        after = await self.ends()
        return findings + [
            Finding(TWICE, f"{after[place] - end} facts on {place} were told again at a restart")
            for place, end in before.items()
            if after[place] > end
        ]

    async def ends(self) -> Ends:
        """Tell where every topic ends now."""
        async with reader(self._settings.kafka.bootstrap_servers, PARTITIONS) as reading:
            return await reading.ends(all_topics(topics_of(self._settings)))

    async def _audit(self, case: Case) -> list[Finding]:
        async with (
            reader(self._settings.kafka.bootstrap_servers, PARTITIONS) as reading,
            self._engine.connect() as conn,
        ):
            return await audit(conn, reading, case)


def topics_of(settings: Settings) -> Topics:
    """Name the topics of this deployment."""
    return Topics(settings.namespace, settings.evolution_prefix)


@asynccontextmanager
async def arena(
    servers: Servers, processes: int, patience_s: float, plant: str | None = None
) -> AsyncIterator[Arena]:
    """Make tables and topics, start the workers, and end them with the block."""
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers=servers.kafka_bootstrap),
        database=DatabaseSettings.model_validate({"DATABASE_URL": servers.database_url}),
    )
    await migrations.upgrade(settings.database.url)
    await _create_topics(settings)
    engine = create_async_engine(settings.database.url, poolclass=NullPool)
    async with engine.begin() as conn:
        await roles.apply(conn, servers.role_passwords)
        await hostile.plant(conn)
    crew = Crew(servers, plant)
    watching: asyncio.Task[None] | None = None
    try:
        crew.hire_base(processes)
        watching = asyncio.create_task(crew.watch())
        stage = Arena(crew, engine, settings, patience_s)
        if not await crew.is_at_work(START_S):
            raise TimeoutError(NOT_STARTED.format(servers.state / "logs"))
        yield stage
    finally:
        if watching is not None:
            watching.cancel()
        crew.end()
        await engine.dispose()


def logs_of(servers: Servers) -> Path:
    """Where servers and workers write."""
    return servers.state / "logs"


async def _create_topics(settings: Settings) -> None:
    own = [replace(t, name=f"{settings.namespace}.{t.name}", partitions=PARTITIONS) for t in TOPICS]
    raw = [replace(t, partitions=PARTITIONS) for t in evolution_topics(settings.evolution_prefix)]
    async with cluster.connected(settings.kafka) as admin:
        await cluster.create(admin, own + raw)
