"""`python -m tests.faults.long_outage --minutes 10`: the database is away under load, then back.

Meanwhile nothing may be told or noted as read, no worker may be busy with waiting, and no group
may be rebalanced; afterwards everything is caught up without anybody's help. With `--away broker`
it is Kafka, and only the waiting itself can be looked at meanwhile.
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
from tests.faults.crew import Crew, Slot
from tests.faults.findings import Finding
from tests.faults.havoc import Havoc, broker_away, database_away
from tests.faults.laws import GATEWAYS_TOO, TOLD
from tests.faults.reading import Ends
from tests.faults.rounds import Arena, arena

EVENTS_A_SECOND = 10
WARM_UP_S = 10.0
NOTICED_S = 10.0  # after so long every worker has noticed that the database is away
AFTERWARDS_S = 10.0
CATCH_UP_S = 120.0
MOST_CPU = 5.0  # per cent of one core
REBALANCED = re.compile(rb"partitions\.assigned|it is rebalancing")
DATABASE = "database"
AWAY = {DATABASE: database_away, "broker": broker_away}
DEGRADED = b"waiting_for='the database'"


@dataclass(frozen=True, slots=True)
class Moment:
    """What can be seen from outside at one time."""

    at_s: float
    cpu_s: Mapping[str, float]
    told: int
    noted: Mapping[TopicPartition, int]
    rebalances: int
    pids: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Account:
    """What the outage came to."""

    away: str
    seconds: float
    events: int
    cpu: Mapping[str, float]
    caught_up_s: float
    troubles: Sequence[str]
    findings: Sequence[Finding]


async def endure(
    stage: Arena, kafka: KafkaSettings, away_for: tuple[str, float], seed: str
) -> Account:
    """Publish all the time, stop one of them, look at both ends of the outage, and audit."""
    away_is, seconds = away_for
    whole_s = WARM_UP_S + seconds + AFTERWARDS_S
    case = await stage.prepare(1, Random(seed), round(whole_s * EVENTS_A_SECOND))
    havoc = Havoc(stage.crew)
    async with stage.answering(case):
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(traffic.publish(kafka, case.traffic.records, whole_s))
            away = group.create_task(AWAY[away_is](WARM_UP_S, seconds)(havoc))
            await asyncio.sleep(WARM_UP_S + NOTICED_S)
            before = await look(stage, kafka if away_is == DATABASE else None)
            await asyncio.sleep(seconds - 2 * NOTICED_S)
            after = await look(stage, kafka if away_is == DATABASE else None)
            await away
            back = time.monotonic()
        case = replace(case, acknowledged=publishing.result())
        await stage.watch.settled(case.stage.company_ids, time.monotonic() + CATCH_UP_S)
        caught_up_s = time.monotonic() - back
        findings = await stage.verdict(case)
    cpu = {
        name: 100 * (after.cpu_s[name] - spent) / (after.at_s - before.at_s)
        for name, spent in before.cpu_s.items()
    }
    troubles = troubles_between(before, after, cpu)
    if away_is == DATABASE:
        troubles += unsaid(stage.crew)
    return Account(away_is, seconds, len(case.acknowledged), cpu, caught_up_s, troubles, findings)


async def look(stage: Arena, kafka: KafkaSettings | None) -> Moment:
    """Take what is compared: CPU, rebalances, processes; of Kafka, facts told and offsets noted."""
    slots = stage.crew.slots
    return Moment(
        time.monotonic(),
        {slot.name: cpu_seconds(slot.pid) for slot in slots},
        _facts(await stage.ends()) if kafka else 0,
        await _noted(kafka, {slot.service for slot in slots}) if kafka else {},
        sum(len(REBALANCED.findall(_log(slot))) for slot in slots),
        {slot.name: slot.pid for slot in slots},
    )


def troubles_between(before: Moment, after: Moment, cpu: Mapping[str, float]) -> list[str]:
    """Say what an outage must not bring about, and did."""
    troubles = []
    if after.told != before.told:
        troubles.append(f"{after.told - before.told} facts were told without a database")
    if after.noted != before.noted:
        troubles.append("offsets were noted in Kafka without a database")
    if after.rebalances != before.rebalances:
        troubles.append(f"{after.rebalances - before.rebalances} lines of logs tell of rebalances")
    if after.pids != before.pids:
        troubles.append("workers died and were started again")
    return troubles + [
        f"{name} used {share:.1f} % of a core while it waited"
        for name, share in cpu.items()
        if share >= MOST_CPU
    ]


def unsaid(crew: Crew) -> list[str]:
    """Name the workers that kept it to themselves."""
    return [
        f"{slot.name} never said that it waits for the database"
        for slot in crew.slots
        if DEGRADED not in _log(slot)
    ]


def cpu_seconds(pid: int) -> float:
    """Read how long a process and its threads have run, in user and in system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _facts(ends: Ends) -> int:
    told = set(TOLD) - set(GATEWAYS_TOO)  # they go on publishing there
    return sum(end for place, end in ends.items() if place.topic.partition(".")[2] in told)


async def _noted(kafka: KafkaSettings, services: set[str]) -> dict[TopicPartition, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        noted: dict[TopicPartition, int] = {}
        for service in sorted(services):
            listed = await admin.list_consumer_group_offsets(f"chatia.{service}")
            noted |= {place: found.offset for place, found in listed.items()}
        return noted
    finally:
        await admin.close()


def _log(slot: Slot) -> bytes:
    assert slot.process is not None
    return slot.process.log_path.read_bytes()


def report(account: Account) -> str:
    """Write the account down as Markdown."""
    summary = (
        f"The {account.away} away for {account.seconds / 60:g} minutes, {account.events:,} events "
        f"published meanwhile and around; caught up {account.caught_up_s:.0f} s after its return."
    )
    lines = [
        summary,
        "",
        "| worker | CPU while waiting, % of a core |",
        "|---|---:|",
        *(f"| {name} | {share:.2f} |" for name, share in sorted(account.cpu.items())),
        "",
        *(f"trouble: {trouble}" for trouble in account.troubles),
        *(f"{finding.kind}: {finding.text}" for finding in account.findings[:20]),
    ]
    return "\n".join(lines)


def main() -> int:
    """Play it, print the account; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.long_outage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--away", choices=AWAY, default=DATABASE)
    parser.add_argument("--seed", default="a long outage")
    parser.add_argument("--folder", type=Path, default=FOLDER / "long-outage")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)

    async def play() -> Account:
        async with arena(servers, processes=2, patience_s=CATCH_UP_S) as stage:
            kafka = KafkaSettings(bootstrap_servers=servers.kafka_bootstrap)
            return await endure(stage, kafka, (given.away, given.minutes * 60), given.seed)

    with fresh_servers(given.folder / "servers") as servers:
        account = asyncio.run(play())
    say(report(account))
    return int(bool(account.troubles or account.findings))


if __name__ == "__main__":
    sys.exit(main())
