"""The outcome of each mutated record, looked up with plain SQL and a plain consumer."""

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
from shared.dev.demo.records import Topics
from shared.gateways import registry
from shared.gateways.normalize.line import Line
from tests.faults.laws import HOPS, Fact, drop_repeated, select_facts
from tests.faults.reading import TopicRecord
from tests.support.sources import ROOT

MUTATION = "mutation"  # the header that names a record's mutation
NO_OUTCOME = "NO OUTCOME"

DEAD_LETTERS = text('SELECT service, topic, partition, "offset", reason, detail FROM "DeadLetters"')
MESSAGES = text('SELECT "companyId", "whatsappId", wid FROM "Messages"')
SHIPPINGS = text('SELECT "companyId", "campaignId", number FROM "CampaignShipping"')
REASON = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)

RecordId = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class FinalState:
    """Dead letters, facts and rows at the end of the run."""

    dead_letters: Mapping[tuple[str, RecordId], tuple[str, str]]
    facts: Mapping[tuple[str, RecordId], Sequence[Fact]]
    messages: set[tuple[int, int, str]]
    shippings: set[tuple[int, int, str]]


@dataclass(slots=True)
class MutationResult:
    """How many records were published, and their outcomes by mutation."""

    published: int = 0
    seconds: float = 0
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    problems: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many records were looked up."""
        return sum(counts.total() for counts in self.outcomes.values())


async def find_outcomes(
    engine: AsyncEngine, records: Sequence[TopicRecord], topics: Topics, result: MutationResult
) -> None:
    """Look up the outcome of every mutated record; adds to `result`."""
    final = await _load_final_state(engine, records)
    understood = set(REASON.findall((ROOT / "docs" / "dead-letters.md").read_text("utf-8")))
    for record in records:
        how = record.header(MUTATION)
        if how:
            skip_reason = _find_outcome(record, topics, final)
            result.outcomes[how][skip_reason] += 1
            if skip_reason == NO_OUTCOME:
                result.problems.append(f"{how}: {record.record_id} {(record.value or b'')[:200]!r}")
    if result.total != result.published:
        result.problems.append(f"published {result.published}, on the topics {result.total}")
    result.problems += [
        f"the dead letter of {place} says {reason!r}: {detail!r}"
        for (_, place), (reason, detail) in final.dead_letters.items()
        if reason not in understood or not detail.strip()
    ]


async def _load_final_state(engine: AsyncEngine, records: Sequence[TopicRecord]) -> FinalState:
    facts: dict[tuple[str, RecordId], list[Fact]] = defaultdict(list)
    for fact in drop_repeated(select_facts(records)):
        service, topic, partition, offset = fact.cause
        facts[service, (topic, partition, offset)].append(fact)
    async with engine.connect() as conn:
        dead_letters = {
            (row.service, (row.topic, row.partition, row.offset)): (row.reason, row.detail)
            for row in await conn.execute(DEAD_LETTERS)
        }
        messages = {(row[0], row[1], row[2]) for row in await conn.execute(MESSAGES)}
        shippings = {(row[0], row[1], row[2]) for row in await conn.execute(SHIPPINGS)}
    return FinalState(dead_letters, facts, messages, shippings)


def _find_outcome(record: TopicRecord, topics: Topics, final: FinalState) -> str:
    """Return a record's outcome; facts are followed to the rows that they led to."""
    service = _find_service(record.topic, topics)
    if dead_letter := final.dead_letters.get((service, record.record_id)):
        return f"dead letter: {dead_letter[0]}"
    facts = final.facts.get((service, record.record_id), ())
    for fact in facts:
        if fact.record.type in {"message.stored", "message.refused", "message.updated"}:
            return _look_up_row(fact.record, final)
    for fact in facts:
        if fact.record.type in HOPS:
            return _find_outcome(fact.record, topics, final)
    return _look_up_body(record, topics, final)


def _find_service(topic: str, topics: Topics) -> str:
    if topic == topics.get_own("campaign.send"):
        return "campaigns"
    for name, (service, _) in HOPS.items():
        if topic == topics.get_own(name):
            return service
    return "messages"


def _look_up_row(fact: TopicRecord, final: FinalState) -> str:
    body = json.loads(fact.value or b"{}")
    if body.get("reason") == "groups-not-allowed":
        return "refused: groups-not-allowed"
    there = (body["companyId"], body["whatsappId"], body["wid"]) in final.messages
    return "row" if there else NO_OUTCOME


def _look_up_body(record: TopicRecord, topics: Topics, final: FinalState) -> str:
    """Look up the row of a record that has neither fact nor dead letter."""
    try:
        body = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        return NO_OUTCOME
    if record.topic == topics.get_own("campaign.send"):
        key = (body.get("companyId"), body.get("campaignId"), body.get("number"))
        return "row" if key in final.shippings else NO_OUTCOME
    if record.topic.startswith(f"{topics.evolution_prefix}."):
        return _check_ignored(body)
    key = (body.get("companyId"), body.get("whatsappId"), body.get("wid"))
    return "row" if key in final.messages else NO_OUTCOME


def _check_ignored(body: Any) -> str:
    translation = registry.translate("evolution", body, Line(1, 1, datetime.now(UTC)))
    named = bool(translation.ignored) and not translation.unreadable
    records = any(isinstance(event, MessageReceived) for event in translation.events)
    return "ignored, for a named reason" if named and not records else NO_OUTCOME


def build_report(result: MutationResult) -> str:
    """Return the result as Markdown."""
    outcomes = Counter[str]()
    for counts in result.outcomes.values():
        outcomes.update(counts)
    kinds = ["row", "dead letters", "refused, or ignored, for a reason"]
    summary = (
        f"{result.published:,} mutated records, handled within {result.seconds:.0f} s; "
        f"{result.total:,} have an end."
    )
    lines = [
        summary,
        "",
        f"| mutation | records | {' | '.join(kinds)} |",
        "|---|---:|---:|---:|---:|",
    ]
    for how, counts in sorted(result.outcomes.items()):
        dead_letters = sum(
            n for skip_reason, n in counts.items() if skip_reason.startswith("dead letter")
        )
        rest = counts.total() - dead_letters - counts["row"] - counts[NO_OUTCOME]
        cells = (how, *(f"{n:,}" for n in (counts.total(), counts["row"], dead_letters, rest)))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| end | records |", "|---|---:|"]
    lines += [f"| {outcome} | {count:,} |" for outcome, count in outcomes.most_common()]
    return "\n".join([*lines, "", *(f"problem: {each}" for each in result.problems[:50])])
