"""The whole play, ready to publish: records in their order, jobs, and what must come of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from shared.contracts.campaign import CampaignSend
from shared.demo import words
from shared.demo.cast import Company, Group, Stage
from shared.demo.crowd import Crowd, Said
from shared.demo.evolution import upsert
from shared.demo.expect import expected
from shared.demo.facts import Facts
from shared.demo.normal import received
from shared.demo.records import Raw, Topics, evolution_record, own_record
from shared.demo.rubbish import DEADLY, IGNORED, job_of_no_campaign

DEADLY_SHARE, IGNORED_SHARE, REPEATED_SHARE = 0.02, 0.05, 0.08  # of all gateway events
OWN_SHARE = 0.15  # of messages, told by a gateway of our own
LATE_SHARE = 0.05  # of events, overtaken by others
JOBS_SHARE = 0.1  # recipients of campaigns for every gateway event

Timed = tuple[datetime, Raw]


@dataclass(frozen=True, slots=True)
class Script:
    """What is published, and what must stand in the database afterwards."""

    records: tuple[Raw, ...]
    jobs: tuple[Raw, ...]
    expected: Facts
    said: tuple[Said, ...]

    @property
    def all(self) -> list[Raw]:
        """Everything in the order of publishing, the jobs spread among the gateway events."""
        spread = [
            (number / len(self.records), record) for number, record in enumerate(self.records)
        ]
        spread += [(number / len(self.jobs), job) for number, job in enumerate(self.jobs)]
        return [record for _, record in sorted(spread, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class Writer:
    """What all parts of the script are written with."""

    random: Random
    stage: Stage
    topics: Topics
    now: datetime


def write(writer: Writer, cast: Sequence[Company], events: int) -> Script:
    """Write a script of so many gateway events; the same seed and stage give the same script."""
    deadly, ignored, repeated = (
        round(events * share) for share in (DEADLY_SHARE, IGNORED_SHARE, REPEATED_SHARE)
    )
    crowd = Crowd(writer.random, cast, writer.now)
    said = crowd.messages(events - deadly - ignored - repeated)
    told = [(_moment(writer, one), _tell(writer, one)) for one in said]
    timed = [
        *told,
        *_again(writer, said, told, repeated),
        *_rubbish(writer, said, deadly),
        *_noise(writer, said, ignored),
    ]
    jobs = _jobs(writer, crowd, max(3, round(events * JOBS_SHARE)))
    return Script(
        records=tuple(record for _, record in sorted(timed, key=lambda pair: pair[0])),
        jobs=(
            *_repeated_jobs(writer, jobs),
            job_of_no_campaign(jobs[0], writer.topics, writer.now),
        ),
        expected=expected(said, jobs, writer.stage),
        said=tuple(said),
    )


def _moment(writer: Writer, said: Said) -> datetime:
    """When a gateway publishes it: soon, or so late that others overtake it."""
    late = writer.random.random() < LATE_SHARE
    return said.at + timedelta(seconds=writer.random.uniform(60, 900) if late else 0)


def _tell(writer: Writer, said: Said) -> Raw:
    if writer.random.random() < OWN_SHARE:
        return _own(writer, said)
    return _evolution(writer, said)


def _own(writer: Writer, said: Said) -> Raw:
    place = writer.stage.places[said.line.instance]
    nonce = f"{writer.random.getrandbits(64):x}"
    return own_record(writer.topics, received(said, place), nonce, said.at)


def _evolution(writer: Writer, said: Said) -> Raw:
    by_lid = not isinstance(said.chat, Group) and writer.random.random() < 0.5  # noqa: PLR2004 - either
    return evolution_record(writer.topics, upsert(said, by_lid=by_lid))


def _again(
    writer: Writer, said: Sequence[Said], told: Sequence[Timed], count: int
) -> Iterator[Timed]:
    """Tell messages again: the same record at once or later, or in the other shape."""
    for _ in range(count):
        number = writer.random.randrange(len(said))
        at, record = told[number]
        later = at + timedelta(seconds=writer.random.uniform(1, 3600))
        match writer.random.randrange(4):
            case 0:
                yield at, record
            case 1:
                yield later, record
            case 2:
                yield later, _own(writer, said[number])
            case _:
                yield later, _evolution(writer, said[number])


def _strays(writer: Writer, said: Sequence[Said], count: int) -> Iterator[Said]:
    """Make messages that were never said, to be spoilt: known people, ids of their own."""
    for _ in range(count):
        wid = f"3EB1{writer.random.getrandbits(72):018X}"
        yield replace(writer.random.choice(said), wid=wid, quoted=None)


def _rubbish(writer: Writer, said: Sequence[Said], count: int) -> Iterator[Timed]:
    for number, stray in enumerate(_strays(writer, said, count)):
        spoil = DEADLY[number % len(DEADLY)]
        yield stray.at, spoil(stray, writer.stage.places[stray.line.instance], writer.topics)


def _noise(writer: Writer, said: Sequence[Said], count: int) -> Iterator[Timed]:
    for number, stray in enumerate(_strays(writer, said, count)):
        yield stray.at, IGNORED[number % len(IGNORED)](stray, writer.topics)


def _jobs(writer: Writer, crowd: Crowd, count: int) -> list[CampaignSend]:
    jobs = []
    for number in range(count):
        campaign = writer.stage.campaigns[number % len(writer.stage.campaigns)]
        offer = words.OFFERS[number % len(words.OFFERS)]
        jobs.append(
            CampaignSend(
                company_id=campaign.place.company_id,
                campaign_id=campaign.id,
                number=crowd.number(),
                message=offer.format(first=writer.random.choice(words.FIRST_NAMES)),
            )
        )
    return jobs


def _repeated_jobs(writer: Writer, jobs: Sequence[CampaignSend]) -> Iterator[Raw]:
    """Ask for each send once, twice or three times, mixed among each other."""
    orders = [job for job in jobs for _ in range(writer.random.choices((1, 2, 3), (70, 20, 10))[0])]
    writer.random.shuffle(orders)
    for number, job in enumerate(orders):
        nonce = f"{job.campaign_id}/{job.number}/{number}"
        yield own_record(writer.topics, job, nonce, writer.now)
