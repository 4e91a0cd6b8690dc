"""What became of each spoiled record: looked up with plain SQL and a plain consumer."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.message import MessageReceived
from shared.demo.records import Topics
from shared.gateways import registry
from shared.gateways.line import Line
from tests.faults.laws import PASSED_ON, Fact, facts_of, kept
from tests.faults.reading import Heard
from tests.support.sources import ROOT

MUTATION = "mutation"  # the header that says how a record was spoiled
NO_FATE = "NO FATE"

LETTERS = text('SELECT service, topic, partition, "offset", reason, detail FROM "DeadLetters"')
MESSAGES = text('SELECT "companyId", "whatsappId", wid FROM "Messages"')
SHIPPINGS = text('SELECT "companyId", "campaignId", number FROM "CampaignShipping"')
REASON = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)

Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Ends:
    """Where everything ended, read with plain SQL and a plain consumer."""

    letters: Mapping[tuple[str, Place], tuple[str, str]]
    facts: Mapping[tuple[str, Place], Sequence[Fact]]
    messages: set[tuple[int, int, str]]
    shippings: set[tuple[int, int, str]]


@dataclass(slots=True)
class Account:
    """What was published, how it was spoiled, and what became of it."""

    published: int = 0
    seconds: float = 0
    fates: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    troubles: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many have a fate, whatever it is."""
        return sum(counts.total() for counts in self.fates.values())


async def judge(
    engine: AsyncEngine, heard: Sequence[Heard], topics: Topics, account: Account
) -> None:
    """Give every spoiled record that is on the topics its fate."""
    ends = await _ends(engine, heard)
    understood = set(REASON.findall((ROOT / "docs" / "dead-letters.md").read_text("utf-8")))
    for record in heard:
        how = record.header(MUTATION)
        if how:
            fate = _fate(record, topics, ends)
            account.fates[how][fate] += 1
            if fate == NO_FATE:
                account.troubles.append(f"{how}: {record.place} {(record.value or b'')[:200]!r}")
    if account.total != account.published:
        account.troubles.append(f"published {account.published}, on the topics {account.total}")
    account.troubles += [
        f"the letter of {place} says {reason!r}: {detail!r}"
        for (_, place), (reason, detail) in ends.letters.items()
        if reason not in understood or not detail.strip()
    ]


async def _ends(engine: AsyncEngine, heard: Sequence[Heard]) -> Ends:
    facts: dict[tuple[str, Place], list[Fact]] = defaultdict(list)
    for fact in kept(facts_of(heard)):
        service, topic, partition, offset = fact.cause
        facts[service, (topic, partition, offset)].append(fact)
    async with engine.connect() as conn:
        letters = {
            (row.service, (row.topic, row.partition, row.offset)): (row.reason, row.detail)
            for row in await conn.execute(LETTERS)
        }
        messages = {(row[0], row[1], row[2]) for row in await conn.execute(MESSAGES)}
        shippings = {(row[0], row[1], row[2]) for row in await conn.execute(SHIPPINGS)}
    return Ends(letters, facts, messages, shippings)


def _fate(record: Heard, topics: Topics, ends: Ends) -> str:
    """Follow a record to its end; what it caused is followed in its place."""
    service = _reader(record.topic, topics)
    if letter := ends.letters.get((service, record.place)):
        return f"letter: {letter[0]}"
    told = ends.facts.get((service, record.place), ())
    for fact in told:
        if fact.record.type in ("message.stored", "message.refused"):
            return _stored(fact.record, ends)
    for fact in told:
        if fact.record.type in PASSED_ON:
            return _fate(fact.record, topics, ends)
    return _of_body(record, topics, ends)


def _reader(topic: str, topics: Topics) -> str:
    if topic == topics.own("campaign.send"):
        return "campaigns"
    for name, (service, _) in PASSED_ON.items():
        if topic == topics.own(name):
            return service
    return "messages"


def _stored(fact: Heard, ends: Ends) -> str:
    body = json.loads(fact.value or b"{}")
    if body.get("reason") == "groups-not-allowed":
        return "told: groups-not-allowed"
    there = (body["companyId"], body["whatsappId"], body["wid"]) in ends.messages
    return "row" if there else NO_FATE


def _of_body(record: Heard, topics: Topics, ends: Ends) -> str:
    """Look up what a record says itself, where no fact and no letter speaks of it."""
    try:
        body = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        return NO_FATE
    if record.topic == topics.own("campaign.send"):
        key = (body.get("companyId"), body.get("campaignId"), body.get("number"))
        return "row" if key in ends.shippings else NO_FATE
    if record.topic.startswith(f"{topics.evolution_prefix}."):
        return _ignored(body)
    key = (body.get("companyId"), body.get("whatsappId"), body.get("wid"))
    return "row" if key in ends.messages else NO_FATE


def _ignored(body: Any) -> str:
    translation = registry.translate("evolution", body, Line(1, 1, datetime.now(UTC)))
    named = bool(translation.ignored) and not translation.unreadable
    heard = any(isinstance(event, MessageReceived) for event in translation.events)
    return "ignored, for a named reason" if named and not heard else NO_FATE


def report(account: Account) -> str:
    """Write the account down as Markdown."""
    fates = Counter[str]()
    for counts in account.fates.values():
        fates.update(counts)
    kinds = ["row", "letters", "told, or ignored, why"]
    summary = (
        f"{account.published:,} spoiled records, taken in within {account.seconds:.0f} s; "
        f"{account.total:,} have an end."
    )
    lines = [
        summary,
        "",
        f"| spoiled | records | {' | '.join(kinds)} |",
        "|---|---:|---:|---:|---:|",
    ]
    for how, counts in sorted(account.fates.items()):
        letters = sum(n for fate, n in counts.items() if fate.startswith("letter"))
        rest = counts.total() - letters - counts["row"] - counts[NO_FATE]
        lines.append(f"| {how} | {counts.total():,} | {counts['row']:,} | {letters:,} | {rest:,} |")
    lines += ["", "| end | records |", "|---|---:|"]
    lines += [f"| {fate} | {count:,} |" for fate, count in fates.most_common()]
    return "\n".join([*lines, "", *(f"trouble: {each}" for each in account.troubles[:50])])
