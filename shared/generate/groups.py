"""Groups: each is one ticket that is never closed, with messages during the whole time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.generate import rows, words
from shared.generate.chunks import Chunk, GroupState, Ids
from shared.generate.companies import Company, Line
from shared.generate.contacts import dice_delay
from shared.generate.conversations import Draft
from shared.generate.dice import Dice
from shared.generate.messages import Author, Chat, MessageBuilder
from shared.generate.people import describe_person
from shared.generate.tickets import TicketBuilder
from shared.generate.times import to_datetime
from shared.generate.words import Texts

FIRST_NUMBER: Final = 120_363_000_000_000_000
OWN_SHARE: Final = 0.08  # of messages; none in the busiest group, where all are unread
SHORTEST_GAP_S: Final = 0.001
JITTER_S: Final = 300


@dataclass(slots=True)
class Group:
    """A group so far: its messages, and what the last of them made of its ticket."""

    chat: Chat
    company: Company
    sent: int = 0
    unread: int = 0
    last: Draft | None = None
    last_at: float = 0

    def build_state(self, dice: Dice) -> GroupState:
        """Return what its ticket shows."""
        if self.last is None:
            raise ValueError("A group without messages has no state.")
        return GroupState(
            company_id=self.chat.company_id,
            ticket_id=self.chat.ticket_id,
            unread=self.unread,
            last_message=self.last.shown,
            from_me=self.last.is_from_me,
            updated_at=to_datetime(self.last.at + dice_delay(dice)),
        )


class Groups:
    """Writes the messages of all groups, little by little; the first one is the busiest."""

    def __init__(self, dice: Dice, ids: Ids, texts: Texts, seed: int, sizes: Sequence[int]) -> None:
        self._dice, self._ids, self._texts, self._seed = dice, ids, texts, seed
        self._sizes = sizes
        self._groups: list[Group | None] = [None] * len(sizes)

    def write(
        self,
        chunk: Chunk,
        builders: tuple[TicketBuilder, MessageBuilder],
        companies: tuple[Sequence[Company], Sequence[float]],
        progress: float,
        starts: Sequence[float],
    ) -> None:
        """Write what is due at a progress from 0 to 1, at about the times `starts`.

        `companies` come with their cumulative weights.
        """
        for place, size in enumerate(self._sizes):
            target = round(size * progress)
            group = self._groups[place]
            if target <= (group.sent if group else 0):
                continue
            if group is None:
                company = self._choose_company(place, *companies)
                group = self._begin(chunk, builders[0], place, company, starts[0])
                self._groups[place] = group
            self._say(group, builders[1], target - group.sent, starts, is_busiest=place == 0)

    def build_states(self) -> Iterator[GroupState]:
        """Yield what the tickets of all groups show at the end."""
        return (group.build_state(self._dice) for group in self._groups if group)

    def _choose_company(
        self, place: int, companies: Sequence[Company], weights: Sequence[float]
    ) -> Company:
        """Choose a company that has customers; the busiest group is one of the largest."""
        chosen = companies[0]
        if place:
            chosen = self._dice.choices(companies, cum_weights=weights)[0]
        if chosen.person_ids:
            return chosen
        return next(company for company in companies if company.person_ids)

    def _begin(
        self, chunk: Chunk, tickets: TicketBuilder, place: int, company: Company, at: float
    ) -> Group:
        line = self._choose_line(company, place)
        contact_id = self._ids.take(rows.ContactRow)
        number = str(FIRST_NUMBER + contact_id)
        created_at = to_datetime(at - JITTER_S)
        chunk.add(
            rows.ContactRow(
                id=contact_id,
                companyId=company.id,
                name=self._texts.fill(self._dice.choice(words.GROUP_NAMES)),
                number=number,
                email="",
                isGroup=True,
                active=True,
                remoteJid=f"{number}@g.us",
                lgpdAcceptedAt=None,
                whatsappId=line.id,
                lid=None,
                jid=None,
                mergedIntoContactId=None,
                createdAt=created_at,
                updatedAt=created_at,
            )
        )
        chat = Chat(
            company_id=company.id,
            line_id=line.id,
            ticket_id=self._ids.take(rows.TicketRow),
            attendance_id=self._ids.take(rows.AttendanceRow),
            contact_id=contact_id,
            remote_jid=f"{number}@g.us",
            identity=number,
        )
        tickets.add_group(chunk, chat, line, company, at - JITTER_S)
        return Group(chat, company, last_at=at - JITTER_S)

    def _choose_line(self, company: Company, place: int) -> Line:
        """Choose a line; the first one, which is the busiest group's, has no group tickets."""
        return self._dice.choice(company.lines) if place else company.lines[0]

    def _say(
        self,
        group: Group,
        messages: MessageBuilder,
        number: int,
        starts: Sequence[float],
        *,
        is_busiest: bool,
    ) -> None:
        dice = self._dice
        times = sorted(at - dice.random() * JITTER_S for at in dice.choices(starts, k=number))
        for wanted in times:
            at = max(wanted, group.last_at + SHORTEST_GAP_S)
            is_ours = not is_busiest and dice.happens(OWN_SHARE)
            draft = Draft(at, is_ours, self._texts.go_on(), None, is_read=is_ours)
            messages.place([draft], group.chat, self._choose_author(group.company))
            group.sent += 1
            group.unread = 0 if is_ours else group.unread + 1
            group.last, group.last_at = draft, at

    def _choose_author(self, company: Company) -> Author:
        place = int(self._dice.random() ** 2 * len(company.person_ids))
        person = describe_person(self._seed, company.place, place)
        return Author(company.person_ids[place], person.remote_jid, person.chat)
