"""The companies with what they have from the beginning: users, queues, lines, tags, settings."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared.generate import company_rows as rows
from shared.generate import words
from shared.generate.chunks import Chunk, Ids
from shared.generate.dice import Dice
from shared.generate.sizes import Sizes, share_out, weigh_by_zipf

PLANS: Final = (("Essencial", 10, 5, 5, "99"), ("Profissional", 50, 30, 10, "299"),
                ("Empresarial", 1_000, 1_000, 100, "999"))  # fmt: skip
NO_PASSWORD: Final = "!"  # noqa: S105 - the hash of no password; `chatia users set-password` sets one
PAID_FOR: Final = timedelta(days=30)
EAST, WEST = "America/Sao_Paulo", "America/Manaus"
WEST_EVERY: Final = 9  # companies
CONSENT_EVERY: Final = 7
RATING_SHARE: Final = 0.5
GROUP_TICKET_SHARE: Final = 0.25  # of lines on which groups are tickets like any other
COLORS: Final = ("#2563eb", "#16a34a", "#ca8a04", "#dc2626", "#7c3aed", "#0891b2")
QUICK_MESSAGES: Final = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a company; with `has_group_tickets` a group's ticket is like any other."""

    id: int
    has_group_tickets: bool


@dataclass(slots=True)
class Company:
    """A company while its tickets are generated.

    `person_ids` are the ids of its customers by their place, and `busy_until` the times when
    their last tickets end: infinite if it does not.
    """

    id: int
    place: int
    asks_rating: bool
    asks_consent: bool
    users: list[int] = field(default_factory=list)
    queues: list[int] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)
    person_ids: "array[int]" = field(default_factory=lambda: array("q"))
    busy_until: "array[float]" = field(default_factory=lambda: array("d"))

    def get_line(self, share: float) -> Line:
        """Return a line by a number between 0 and 1; the first ones are used more."""
        return self.lines[int(share * share * len(self.lines))]


class Companies:
    """Generates the companies, the largest first."""

    def __init__(self, dice: Dice, ids: Ids, at: datetime, until: datetime) -> None:
        self._dice, self._ids, self._at, self._until = dice, ids, at, until
        self._chunk = Chunk()

    def generate(self, sizes: Sizes) -> tuple[list[Company], Chunk]:
        """Return the companies, and their rows."""
        plans = [self._add_plan(*plan) for plan in PLANS]
        weights = weigh_by_zipf(sizes.companies)
        numbers = zip(share_out(sizes.users, weights), share_out(sizes.lines, weights), strict=True)
        companies = [
            self._add_company(place, plans, users, lines)
            for place, (users, lines) in enumerate(numbers)
        ]
        return companies, self._chunk

    def _add_plan(self, name: str, users: int, lines: int, queues: int, amount: str) -> int:
        plan_id = self._ids.take(rows.PlanRow)
        title = f"Plano {name} {plan_id}"
        self._chunk.add(
            rows.PlanRow(plan_id, title, users, lines, queues, amount, self._at, self._at)
        )
        return plan_id

    def _add_company(self, place: int, plans: list[int], users: int, lines: int) -> Company:
        company = Company(
            id=self._ids.take(rows.CompanyRow),
            place=place,
            asks_rating=self._dice.happens(RATING_SHARE),
            asks_consent=place % CONSENT_EVERY == CONSENT_EVERY - 1,
        )
        plan = next(
            plan_id
            for plan_id, (_, most_users, most_lines, _, _) in zip(plans, PLANS, strict=True)
            if (users <= most_users and lines <= most_lines) or plan_id == plans[-1]
        )
        trade = words.TRADES[place % len(words.TRADES)]
        self._chunk.add(
            rows.CompanyRow(
                id=company.id,
                name=f"{trade} {self._dice.choice(words.LAST_NAMES)} {company.id}",
                phone=f"5511{30_000_000 + company.id}",
                email=f"contato@empresa{company.id}.example.com",
                planId=plan,
                document=f"{self._dice.randrange(10**13, 10**14)}",
                dueDate=self._until + PAID_FOR,
                timezone=WEST if place % WEST_EVERY == WEST_EVERY - 1 else EAST,
                createdAt=self._at,
                updatedAt=self._at,
            )
        )
        self._add_settings(company)
        self._add_queues(company, users)
        company.users += [self._add_user(company, number) for number in range(users)]
        company.lines += [self._add_line(company, number) for number in range(lines)]
        self._add_tags(company)
        return company

    def _add_settings(self, company: Company) -> None:
        for key, value in (("chatBotType", "text"), ("CheckMsgIsGroup", "enabled")):
            setting_id = self._ids.take(rows.SettingRow)
            self._chunk.add(rows.SettingRow(setting_id, company.id, key, value, self._at, self._at))
        self._chunk.add(
            rows.CompaniesSettingsRow(
                id=self._ids.take(rows.CompaniesSettingsRow),
                companyId=company.id,
                hoursCloseTicketsAuto="9999999999",
                chatBotType="text",
                acceptCallWhatsapp="disabled",
                userRandom="disabled",
                sendGreetingMessageOneQueues="disabled",
                sendSignMessage="enabled",
                sendFarewellWaitingTicket="disabled",
                userRating=_switch(is_on=company.asks_rating),
                sendGreetingAccepted="disabled",
                CheckMsgIsGroup="enabled",
                sendQueuePosition="disabled",
                scheduleType="disabled",
                acceptAudioMessageContact="enabled",
                enableLGPD=_switch(is_on=company.asks_consent),
                requiredTag="disabled",
                lgpdDeleteMessage="disabled",
                lgpdHideNumber="disabled",
                lgpdConsent=_switch(is_on=company.asks_consent),
                lgpdMessage=words.CONSENT_QUESTION.partition("\n")[0],
                createdAt=self._at,
                updatedAt=self._at,
            )
        )

    def _add_queues(self, company: Company, users: int) -> None:
        number = min(len(words.QUEUES), 1 + users // 2)
        for order, (name, color) in enumerate(words.QUEUES[:number], start=1):
            queue_id = self._ids.take(rows.QueueRow)
            company.queues.append(queue_id)
            self._chunk.add(
                rows.QueueRow(queue_id, company.id, name, color, order, self._at, self._at)
            )

    def _add_user(self, company: Company, number: int) -> int:
        user_id = self._ids.take(rows.UserRow)
        first = self._dice.choice(words.FIRST_NAMES)
        self._chunk.add(
            rows.UserRow(
                id=user_id,
                companyId=company.id,
                name=f"{first} {self._dice.choice(words.LAST_NAMES)}",
                email=f"usuario{user_id}@empresa{company.id}.example.com",
                passwordHash=NO_PASSWORD,
                profile="user" if number else "admin",
                createdAt=self._at,
                updatedAt=self._at,
            )
        )
        for queue_id in self._choose_queues(company):
            self._chunk.add(rows.UserQueueRow(company.id, user_id, queue_id, self._at, self._at))
        for place in range(QUICK_MESSAGES):
            self._chunk.add(
                rows.QuickMessageRow(
                    id=self._ids.take(rows.QuickMessageRow),
                    companyId=company.id,
                    shortcode=f"r{place + 1}",
                    message=words.CLOSINGS[place % len(words.CLOSINGS)],
                    userId=user_id,
                    geral=place == 0,
                    createdAt=self._at,
                    updatedAt=self._at,
                )
            )
        return user_id

    def _choose_queues(self, company: Company) -> Iterator[int]:
        first = self._dice.choice(company.queues)
        return (q for q in company.queues if q == first or self._dice.happens(1 / 3))

    def _add_line(self, company: Company, number: int) -> Line:
        has_group_tickets = bool(number) and self._dice.happens(GROUP_TICKET_SHARE)
        line = Line(self._ids.take(rows.LineRow), has_group_tickets)
        self._chunk.add(
            rows.LineRow(
                id=line.id,
                companyId=company.id,
                name=f"Linha {number + 1}",
                status="CONNECTED",
                isDefault=number == 0,
                number=f"5511{900_000_000 + line.id}",
                channel="whatsapp",
                greetingMessage="Olá! Escolha uma das opções abaixo.",
                complationMessage=words.CLOSINGS[0],
                ratingMessage=words.RATING_QUESTION,
                allowGroup=True,
                groupAsTicket=_switch(is_on=has_group_tickets),
                maxUseBotQueuesNPS=1,
                expiresTicketNPS="30",
                createdAt=self._at,
                updatedAt=self._at,
            )
        )
        for queue_id in company.queues:
            self._chunk.add(rows.LineQueueRow(company.id, line.id, queue_id, self._at, self._at))
        self._chunk.add(
            rows.ConnectionRow(
                id=self._ids.take(rows.ConnectionRow),
                companyId=company.id,
                whatsappId=line.id,
                gateway="evolution",
                instance=f"linha-{line.id}",
                createdAt=self._at,
                updatedAt=self._at,
            )
        )
        self._chunk.add(rows.LineStateRow(company.id, line.id, self._at))
        return line

    def _add_tags(self, company: Company) -> None:
        for place, (name, kanban) in enumerate(words.TAGS):
            tag_id = self._ids.take(rows.TagRow)
            if not kanban:
                company.tags.append(tag_id)
            color = COLORS[place % len(COLORS)]
            self._chunk.add(
                rows.TagRow(tag_id, company.id, name, color, kanban, self._at, self._at)
            )


def _switch(*, is_on: bool) -> str:
    return "enabled" if is_on else "disabled"
