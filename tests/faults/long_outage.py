"""`python -m tests.faults.long_outage --minutes 10`: the database is away under load, then back.

Meanwhile nothing may be published or committed, no worker may use CPU for waiting, and no group
may be rebalanced; afterwards the workers must catch up by themselves. With `--away broker` Kafka
is stopped, and only CPU, rebalances and processes are compared.
"""

import argparse
import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.settings import KafkaSettings
from tests.faults import traffic
from tests.faults.__main__ import FOLDER, fresh_servers, say
from tests.faults.fault_injection import FaultInjector, broker_away, database_away
from tests.faults.findings import Finding
from tests.faults.laws import PUBLISHED_TOPICS, SHARED_TOPICS
from tests.faults.reading import Ends
from tests.faults.rounds import RoundRunner, start_round_runner
from tests.faults.worker_pool import Slot, WorkerPool

EVENTS_A_SECOND = 10
WARM_UP_S = 10.0
NOTICED_S = 10.0  # in which every worker notices the outage
AFTERWARDS_S = 10.0
CATCH_UP_S = 120.0
MOST_CPU = 5.0  # per cent of one core
REBALANCED = re.compile(rb"partitions\.assigned|it is rebalancing")
DATABASE = "database"
AWAY = {DATABASE: database_away, "broker": broker_away}
WAITING_LOG = b"waiting_for='the database'"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is compared between the beginning and the end of the outage."""

    at_s: float
    cpu_s: Mapping[str, float]
    facts: int
    committed: Mapping[TopicPartition, int]
    rebalances: int
    pids: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OutageResult:
    """The measurements, problems and findings of an outage."""

    away: str
    seconds: float
    events: int
    cpu: Mapping[str, float]
    caught_up_s: float
    problems: Sequence[str]
    findings: Sequence[Finding]


async def run_outage(
    runner: RoundRunner, kafka: KafkaSettings, away_for: tuple[str, float], seed: str
) -> OutageResult:
    """Publish during an outage, compare snapshots from its beginning and end, and audit."""
    away_is, seconds = away_for
    whole_s = WARM_UP_S + seconds + AFTERWARDS_S
    case = await runner.prepare(1, Random(seed), round(whole_s * EVENTS_A_SECOND))
    injector = FaultInjector(runner.pool)
    async with runner.run_gateway(case):
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(traffic.publish(kafka, case.traffic.records, whole_s))
            away = group.create_task(AWAY[away_is](WARM_UP_S, seconds)(injector))
            await asyncio.sleep(WARM_UP_S + NOTICED_S)
            before = await take_snapshot(runner, kafka if away_is == DATABASE else None)
            await asyncio.sleep(seconds - 2 * NOTICED_S)
            after = await take_snapshot(runner, kafka if away_is == DATABASE else None)
            await away
            back = time.monotonic()
        case = replace(case, acknowledged=publishing.result())
        await runner.watch.wait_until_quiet(case.stage.company_ids, time.monotonic() + CATCH_UP_S)
        caught_up_s = time.monotonic() - back
        findings = await runner.wait_for_findings(case)
    cpu = {
        name: 100 * (after.cpu_s[name] - spent) / (after.at_s - before.at_s)
        for name, spent in before.cpu_s.items()
    }
    problems = compare_snapshots(before, after, cpu)
    if away_is == DATABASE:
        problems += find_silent_workers(runner.pool)
    return OutageResult(
        away_is, seconds, len(case.acknowledged), cpu, caught_up_s, problems, findings
    )


async def take_snapshot(runner: RoundRunner, kafka: KafkaSettings | None) -> Snapshot:
    """Read CPU, rebalances and pids; with `kafka` also published facts and committed offsets."""
    slots = runner.pool.slots
    return Snapshot(
        time.monotonic(),
        {slot.name: read_cpu_seconds(slot.pid) for slot in slots},
        _count_facts(await runner.read_ends()) if kafka else 0,
        await _load_committed(kafka, {slot.service for slot in slots}) if kafka else {},
        sum(len(REBALANCED.findall(_read_log(slot))) for slot in slots),
        {slot.name: slot.pid for slot in slots},
    )


def compare_snapshots(before: Snapshot, after: Snapshot, cpu: Mapping[str, float]) -> list[str]:
    """Return a sentence for everything that must not happen in an outage and did."""
    problems = []
    if after.facts != before.facts:
        problems.append(f"{after.facts - before.facts} facts were published without a database")
    if after.committed != before.committed:
        problems.append("offsets were committed to Kafka without a database")
    if after.rebalances != before.rebalances:
        problems.append(f"{after.rebalances - before.rebalances} log lines about rebalances")
    if after.pids != before.pids:
        problems.append("workers died and were started again")
    return problems + [
        f"{name} used {share:.1f} % of a core while it waited"
        for name, share in cpu.items()
        if share >= MOST_CPU
    ]


def find_silent_workers(pool: WorkerPool) -> list[str]:
    """Return a sentence for each worker that did not log what it waits for."""
    return [
        f"{slot.name} did not log that it waits for the database"
        for slot in pool.slots
        if WAITING_LOG not in _read_log(slot)
    ]


def read_cpu_seconds(pid: int) -> float:
    """Return the user and system CPU seconds of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _count_facts(ends: Ends) -> int:
    facts = set(PUBLISHED_TOPICS) - set(SHARED_TOPICS)  # they go on publishing there
    return sum(end for partition, end in ends.items() if partition.topic.partition(".")[2] in facts)


async def _load_committed(kafka: KafkaSettings, services: set[str]) -> dict[TopicPartition, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        committed: dict[TopicPartition, int] = {}
        for service in sorted(services):
            listed = await admin.list_consumer_group_offsets(f"chatia.{service}")
            committed |= {partition: found.offset for partition, found in listed.items()}
        return committed
    finally:
        await admin.close()


def _read_log(slot: Slot) -> bytes:
    assert slot.process is not None
    return slot.process.log_path.read_bytes()


def build_report(result: OutageResult) -> str:
    """Return the result as Markdown."""
    summary = (
        f"The {result.away} away for {result.seconds / 60:g} minutes, {result.events:,} events "
        f"published before, during and after; "
        f"caught up {result.caught_up_s:.0f} s after its return."
    )
    lines = [
        summary,
        "",
        "| worker | CPU while waiting, % of a core |",
        "|---|---:|",
        *(f"| {name} | {share:.2f} |" for name, share in sorted(result.cpu.items())),
        "",
        *(f"problem: {problem}" for problem in result.problems),
        *(f"{finding.kind}: {finding.text}" for finding in result.findings[:20]),
    ]
    return "\n".join(lines)


def main() -> int:
    """Run it and print the result; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.long_outage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--away", choices=AWAY, default=DATABASE)
    parser.add_argument("--seed", default="a long outage")
    parser.add_argument("--folder", type=Path, default=FOLDER / "long-outage")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)

    async def run() -> OutageResult:
        async with start_round_runner(servers, processes=2, patience_s=CATCH_UP_S) as runner:
            kafka = KafkaSettings(bootstrap_servers=servers.kafka_bootstrap)
            return await run_outage(runner, kafka, (given.away, given.minutes * 60), given.seed)

    with fresh_servers(given.folder / "servers") as servers:
        result = asyncio.run(run())
    say(build_report(result))
    return int(bool(result.problems or result.findings))


if __name__ == "__main__":
    sys.exit(main())
