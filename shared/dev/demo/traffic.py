"""Generates a run's traffic: records, campaign jobs, and the rows expected of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from shared.contracts.campaign import CampaignSend
from shared.dev.demo import texts
from shared.dev.demo.companies import Company, DemoRows, Group
from shared.dev.demo.comparison import Snapshot
from shared.dev.demo.conversations import ConversationGenerator, SampleMessage
from shared.dev.demo.evolution_payloads import build_upsert
from shared.dev.demo.expected import build_expected
from shared.dev.demo.invalid_records import IGNORED, INVALID, build_job_without_campaign
from shared.dev.demo.normalized_events import build_message_received
from shared.dev.demo.records import SampleRecord, Topics, build_evolution_record, build_own_record

INVALID_SHARE, IGNORED_SHARE, REPEATED_SHARE = 0.02, 0.05, 0.08  # of all gateway events
OWN_SHARE = 0.15  # of messages, published by a gateway of our own
LATE_SHARE = 0.05  # of events, published after later ones
JOBS_SHARE = 0.1  # campaign recipients per gateway event

Timed = tuple[datetime, SampleRecord]


@dataclass(frozen=True, slots=True)
class SampleTraffic:
    """What is published, and the rows expected afterwards."""

    records: tuple[SampleRecord, ...]
    jobs: tuple[SampleRecord, ...]
    expected: Snapshot
    messages: tuple[SampleMessage, ...]

    @property
    def all_records(self) -> list[SampleRecord]:
        """All records in the order of publishing; jobs are spread among gateway events."""
        spread = [
            (number / len(self.records), record) for number, record in enumerate(self.records)
        ]
        spread += [(number / len(self.jobs), job) for number, job in enumerate(self.jobs)]
        return [record for _, record in sorted(spread, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class TrafficContext:
    """What all records are built from."""

    random: Random
    demo_rows: DemoRows
    topics: Topics
    now: datetime


def generate_traffic(
    context: TrafficContext, companies: Sequence[Company], events: int
) -> SampleTraffic:
    """Generate `events` gateway events, and jobs; the same context gives the same traffic."""
    invalid, ignored, repeated = (
        round(events * share) for share in (INVALID_SHARE, IGNORED_SHARE, REPEATED_SHARE)
    )
    generator = ConversationGenerator(context.random, companies, context.now)
    messages = generator.generate_messages(events - invalid - ignored - repeated)
    published = [
        (_choose_publish_time(context, message), _build_record(context, message))
        for message in messages
    ]
    timed = [
        *published,
        *_repeat_messages(context, messages, published, repeated),
        *_build_invalid_records(context, messages, invalid),
        *_build_ignored_records(context, messages, ignored),
    ]
    jobs = _build_jobs(context, generator, max(3, round(events * JOBS_SHARE)))
    return SampleTraffic(
        records=tuple(record for _, record in sorted(timed, key=lambda pair: pair[0])),
        jobs=(
            *_repeat_jobs(context, jobs),
            build_job_without_campaign(jobs[0], context.topics, context.now),
        ),
        expected=build_expected(messages, jobs, context.demo_rows),
        messages=tuple(messages),
    )


def _choose_publish_time(context: TrafficContext, message: SampleMessage) -> datetime:
    """Return when a gateway publishes a message: immediately, or after later ones."""
    late = context.random.random() < LATE_SHARE
    return message.at + timedelta(seconds=context.random.uniform(60, 900) if late else 0)


def _build_record(context: TrafficContext, message: SampleMessage) -> SampleRecord:
    if context.random.random() < OWN_SHARE:
        return _build_own(context, message)
    return _build_evolution(context, message)


def _build_own(context: TrafficContext, message: SampleMessage) -> SampleRecord:
    line_ids = context.demo_rows.lines[message.line.instance]
    nonce = f"{context.random.getrandbits(64):x}"
    return build_own_record(
        context.topics, build_message_received(message, line_ids), nonce, message.at
    )


def _build_evolution(context: TrafficContext, message: SampleMessage) -> SampleRecord:
    by_lid = not isinstance(message.chat, Group) and context.random.random() < 0.5  # noqa: PLR2004 - half of them
    return build_evolution_record(context.topics, build_upsert(message, by_lid=by_lid))


def _repeat_messages(
    context: TrafficContext,
    messages: Sequence[SampleMessage],
    published: Sequence[Timed],
    count: int,
) -> Iterator[Timed]:
    """Build repeated messages: the same record immediately or later, or one of another shape."""
    for _ in range(count):
        number = context.random.randrange(len(messages))
        at, record = published[number]
        later = at + timedelta(seconds=context.random.uniform(1, 3600))
        match context.random.randrange(4):
            case 0:
                yield at, record
            case 1:
                yield later, record
            case 2:
                yield later, _build_own(context, messages[number])
            case _:
                yield later, _build_evolution(context, messages[number])


def _generate_unsent(
    context: TrafficContext, messages: Sequence[SampleMessage], count: int
) -> Iterator[SampleMessage]:
    """Generate messages for records without effect: known people, but new message ids."""
    for _ in range(count):
        wid = f"3EB1{context.random.getrandbits(72):018X}"
        yield replace(context.random.choice(messages), wid=wid, quoted=None)


def _build_invalid_records(
    context: TrafficContext, messages: Sequence[SampleMessage], count: int
) -> Iterator[Timed]:
    for number, unsent in enumerate(_generate_unsent(context, messages, count)):
        build_invalid = INVALID[number % len(INVALID)]
        yield (
            unsent.at,
            build_invalid(unsent, context.demo_rows.lines[unsent.line.instance], context.topics),
        )


def _build_ignored_records(
    context: TrafficContext, messages: Sequence[SampleMessage], count: int
) -> Iterator[Timed]:
    for number, unsent in enumerate(_generate_unsent(context, messages, count)):
        yield unsent.at, IGNORED[number % len(IGNORED)](unsent, context.topics)


def _build_jobs(
    context: TrafficContext, generator: ConversationGenerator, count: int
) -> list[CampaignSend]:
    jobs = []
    for number in range(count):
        campaign = context.demo_rows.campaigns[number % len(context.demo_rows.campaigns)]
        offer = texts.OFFERS[number % len(texts.OFFERS)]
        jobs.append(
            CampaignSend(
                company_id=campaign.line_ids.company_id,
                campaign_id=campaign.id,
                number=generator.generate_number(),
                message=offer.format(first=context.random.choice(texts.FIRST_NAMES)),
            )
        )
    return jobs


def _repeat_jobs(context: TrafficContext, jobs: Sequence[CampaignSend]) -> Iterator[SampleRecord]:
    """Build the records of jobs, each one to three times, shuffled."""
    requested = [
        job for job in jobs for _ in range(context.random.choices((1, 2, 3), (70, 20, 10))[0])
    ]
    context.random.shuffle(requested)
    for number, job in enumerate(requested):
        nonce = f"{job.campaign_id}/{job.number}/{number}"
        yield build_own_record(context.topics, job, nonce, context.now)
