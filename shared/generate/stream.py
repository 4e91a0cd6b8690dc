"""Generates all rows as a stream of chunks, in the order of time, in bounded memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, islice
from math import exp, inf
from typing import Any, Final

from shared.generate.chunks import Chunk, Ids
from shared.generate.companies import Companies, Company
from shared.generate.contacts import ContactBuilder
from shared.generate.conversations import CLOSED, LGPD, NPS, OPEN, PENDING, ConversationWriter
from shared.generate.dice import Dice
from shared.generate.groups import Groups
from shared.generate.messages import MessageBuilder
from shared.generate.people import describe_person
from shared.generate.sizes import scale_sizes, share_out_group_messages, weigh_by_zipf
from shared.generate.tickets import TicketBuilder
from shared.generate.times import DAY, HISTORY_DAYS, HOUR, iterate_starts, to_datetime
from shared.generate.words import Texts

CHUNK_TICKETS: Final = 1_000
LENGTH_SPREAD: Final = 1.1  # of the log-normal number of messages of a ticket
FAVOURITE: Final = 2.5  # how much the first customers of a company write more than later ones
TRIES: Final = 20
PAUSE_S: Final = 60  # at least, between two tickets of a customer
LEEWAY_S: Final = 5  # between the last message and the end

# Which share of the tickets of an age, in seconds, is not closed.
LIVE_SHARES: Final = (
    (DAY / 2, 0.5), (3 * DAY, 0.2), (14 * DAY, 0.06), (60 * DAY, 0.02), (inf, 0.003),
)  # fmt: skip
LIVE: Final = (OPEN, PENDING, NPS)
LIVE_WEIGHTS: Final = (60, 35, 5)
UNCONSENTED_SHARE: Final = 0.5  # of new customers' live tickets where consent is asked for


@dataclass(frozen=True, slots=True)
class Options:
    """What to generate; the two years of history end at `until`."""

    scale: float
    seed: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of a company by its place in the company's list; a new one has none yet."""

    company: Company
    place: int | None


class RowStream:
    """Generates the rows. `last_ids` has the last id of each table that has rows already."""

    def __init__(self, options: Options, last_ids: Mapping[str, int]) -> None:
        self._options = options
        self._until = options.until.timestamp()
        self._sizes = scale_sizes(options.scale)
        self._dice = dice = Dice(options.seed)
        self._ids = ids = Ids(last_ids)
        texts = Texts(dice)
        group_messages = share_out_group_messages(self._sizes)
        self._writer = ConversationWriter(dice, texts)
        self._contacts = ContactBuilder(dice, ids)
        self._tickets = TicketBuilder(dice, ids, texts)
        self._messages = MessageBuilder(dice, ids)
        self._groups = Groups(dice, ids, texts, options.seed, group_messages)
        self._companies: list[Company] = []
        self._weights = list(accumulate(weigh_by_zipf(self._sizes.companies)))
        self._contacts_left = self._sizes.contacts - self._sizes.groups
        self._tickets_left = self._sizes.tickets - self._sizes.groups
        self._messages_left = self._sizes.messages - sum(group_messages)

    @property
    def messages(self) -> int:
        """Return how many messages there will be."""
        return self._sizes.messages

    def get_last_id(self, kind: type[Any]) -> int:
        """Return the last id that a row of a table has."""
        return self._ids.get_last(kind)

    def generate(self) -> Iterator[Chunk]:
        """Yield the chunks; rows refer only to rows of their own and of earlier chunks."""
        begin = to_datetime(self._until - HISTORY_DAYS * DAY - HOUR)
        builder = Companies(self._dice, self._ids, begin, self._options.until)
        self._companies, chunk = builder.generate(self._sizes)
        yield chunk
        total = self._tickets_left
        starts = iterate_starts(self._dice, self._until, total)
        while some := list(islice(starts, CHUNK_TICKETS)):
            chunk = Chunk()
            for start in some:
                self._add_ticket(chunk, float(int(start)))
            self._groups.write(
                chunk,
                (self._tickets, self._messages),
                (self._companies, self._weights),
                1 - self._tickets_left / total,
                some,
            )
            self._messages.build(chunk)
            yield chunk
        yield Chunk(groups=list(self._groups.build_states()))

    def _add_ticket(self, chunk: Chunk, at: float) -> None:
        customer = self._choose_customer(at)
        company, is_new = customer.company, customer.place is None
        place = len(company.person_ids) if customer.place is None else customer.place
        person = describe_person(self._options.seed, company.place, place)
        status = self._choose_status(company, at, is_new=is_new)
        told = self._writer.write(company, at, self._draw_length(), status, is_new=is_new)
        told.end_before(self._until - LEEWAY_S)
        if is_new:
            contact_id = self._contacts.take_id()
            self._contacts.add(chunk, company, contact_id, person, at, told.consented_at)
            company.person_ids.append(contact_id)
            company.busy_until.append(0)
            self._contacts_left -= 1
            if self._contacts_left > 1 and self._contacts.may_be_merged(person):
                self._contacts.add_merged(chunk, company, contact_id, person, at)
                self._contacts_left -= 1
        contact_id = company.person_ids[place]
        chat = self._tickets.add(chunk, company, contact_id, person, told)
        self._messages.place(told.drafts, chat)
        company.busy_until[place] = told.ended_at + PAUSE_S if told.status == CLOSED else inf
        self._tickets_left -= 1

    def _choose_customer(self, at: float) -> Customer:
        """Choose one who has no other ticket at that time, or a new one."""
        is_new = self._dice.random() * self._tickets_left < self._contacts_left
        for _ in range(TRIES):
            company = self._dice.choices(self._companies, cum_weights=self._weights)[0]
            if is_new:
                return Customer(company, None)
            place = self._find_idle(company, at)
            if place is not None:
                return Customer(company, place)
        return Customer(self._companies[0], None)

    def _find_idle(self, company: Company, at: float) -> int | None:
        number = len(company.person_ids)
        for _ in range(TRIES if number else 0):
            place = int(self._dice.random() ** FAVOURITE * number)
            if company.busy_until[place] <= at:
                return place
        return None

    def _choose_status(self, company: Company, at: float, *, is_new: bool) -> str:
        age = self._until - at
        share = next(share for oldest, share in LIVE_SHARES if age <= oldest)
        if not self._dice.happens(share):
            return CLOSED
        if company.asks_consent and is_new and self._dice.happens(UNCONSENTED_SHARE):
            return LGPD
        return self._dice.choices(LIVE, LIVE_WEIGHTS)[0]

    def _draw_length(self) -> int:
        """Return the number of messages of the next ticket; all of them come to the total."""
        if self._tickets_left == 1:
            length = self._messages_left
        else:
            mean = self._messages_left / self._tickets_left
            factor = exp(self._dice.gauss(-(LENGTH_SPREAD**2) / 2, LENGTH_SPREAD))
            most = self._messages_left - self._tickets_left + 1
            length = max(1, min(round(mean * factor), most))
        self._messages_left -= length
        return length
