"""Generates conversations of customers with agents and messages in groups, from a seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from random import Random

from shared.dev.demo import texts
from shared.dev.demo.companies import Company, Group, Line, Person

SPAN = timedelta(hours=6)  # the age of the oldest conversation
MAX_PAUSE_S = 90
NEW_CUSTOMER_SHARE = 0.7  # share of conversations with a new customer
GROUP_SHARE = 0.12  # share of conversations, on lines that are in groups


class Kind(Enum):
    """The kind of a message, the same for all gateways."""

    TEXT = "text"
    EXTENDED = "extended"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CARD = "card"


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """A message; `author` is None if an agent wrote it."""

    line: Line
    chat: Person | Group
    author: Person | None
    wid: str
    at: datetime
    kind: Kind
    text: str
    quoted: "SampleMessage | None" = None

    @property
    def is_group(self) -> bool:
        """Whether the chat is a group."""
        return isinstance(self.chat, Group)


class ConversationGenerator:
    """Generates conversations; the same random source gives the same ones."""

    def __init__(self, random: Random, companies: Sequence[Company], now: datetime) -> None:
        self._random = random
        self._now = now.replace(microsecond=0)
        self._lines = [(company, line) for company in companies for line in company.lines]
        self._known: dict[str, list[Person]] = {company.name: [] for company in companies}
        self._used_digits: set[str] = set()
        self._groups = {
            line.instance: self._generate_groups(company, line) for company, line in self._lines
        }

    def generate_messages(self, count: int) -> list[SampleMessage]:
        """Generate conversations until there are `count` messages; the last one is cut."""
        messages: list[SampleMessage] = []
        while len(messages) < count:
            company, line = self._random.choice(self._lines)
            groups = self._groups[line.instance]
            if groups and self._random.random() < GROUP_SHARE:
                messages += self._generate_group_chat(line, self._random.choice(groups))
            else:
                messages += self._generate_conversation(line, self._choose_customer(company))
        return messages[:count]

    def generate_person(self) -> Person:
        """Generate a person with a unique number and LID."""
        first, last = self._random.choice(texts.FIRST_NAMES), self._random.choice(texts.LAST_NAMES)
        shown = self._random.choices(("number", "both", "lid"), (55, 30, 15))[0]
        return Person(
            name=f"{first} {last}",
            number=None if shown == "lid" else self.generate_number(),
            lid=None if shown == "number" else self._generate_digits(14),
        )

    def generate_number(self) -> str:
        """Generate a unique mobile number that cannot exist."""
        return f"55{self._random.choice(texts.AREA_CODES)}90{self._generate_digits(7)}"

    def _generate_digits(self, length: int) -> str:
        while True:
            digits = str(self._random.randrange(10 ** (length - 1), 10**length))
            if digits not in self._used_digits:
                self._used_digits.add(digits)
                return digits

    def _choose_customer(self, company: Company) -> Person:
        known = self._known[company.name]
        if known and self._random.random() > NEW_CUSTOMER_SHARE:
            return self._random.choice(known)
        everyone = [person for people in self._known.values() for person in people]
        elsewhere = bool(everyone) and self._random.random() < 0.05  # noqa: PLR2004 - a customer of two companies
        known.append(self._random.choice(everyone) if elsewhere else self.generate_person())
        return known[-1]

    def _generate_groups(self, company: Company, line: Line) -> list[Group]:
        groups = [
            Group(
                f"120363{self._generate_digits(12)}",
                tuple(self.generate_person() for _ in range(5)),
            )
            for _ in range(line.groups)
        ]
        if line.allow_group:
            self._known[company.name] += [group.members[0] for group in groups]
        return groups

    def _generate_times(self) -> Iterator[datetime]:
        # WhatsApp's timestamps are whole seconds.
        at = self._now - timedelta(
            seconds=int(SPAN.total_seconds() * self._random.uniform(0.05, 1))
        )
        while True:
            yield min(at, self._now)
            pause = self._random.choices((0, self._random.randint(1, MAX_PAUSE_S)), (15, 85))[0]
            at += timedelta(seconds=pause)

    def _generate_wid(self) -> str:
        return f"3EB0{self._random.getrandbits(72):018X}"

    def _generate_conversation(self, line: Line, customer: Person) -> list[SampleMessage]:
        values = {
            "first": customer.name.split()[0],
            "agent": self._random.choice(texts.AGENTS),
            "order": str(self._random.randint(1000, 9999)),
            "price": f"{self._random.randint(12, 480)},{self._random.choice(('00', '50', '90'))}",
            "freight": f"{self._random.randint(5, 25)},00",
        }
        times = self._generate_times()
        messages: list[SampleMessage] = []
        for author, phrase in self._generate_dialogue(customer):
            kind, text = self._choose_content(author, phrase)
            quoted = self._choose_quoted(messages)
            if quoted and kind is Kind.TEXT:
                kind = Kind.EXTENDED
            messages.append(
                SampleMessage(
                    line, customer, author, self._generate_wid(), next(times), kind,
                    text.format(**values), quoted if kind is Kind.EXTENDED else None,
                )
            )  # fmt: skip
        return messages

    def _generate_dialogue(self, customer: Person) -> list[tuple[Person | None, str]]:
        choice = self._random.choice
        dialogues = self._random.sample(texts.DIALOGUES, self._random.randint(1, 3))
        phrases: list[tuple[Person | None, str]] = [(customer, choice(texts.GREETINGS))]
        phrases.append((None, choice(texts.WELCOMES)))
        for asked, answered in dialogues:
            phrases += [(customer, phrase) for phrase in asked]
            phrases += [(None, phrase) for phrase in answered]
        phrases += [(customer, choice(texts.GOODBYES)), (None, choice(texts.FAREWELLS))]
        # Many conversations end before the farewell: a customer waits for an answer.
        return phrases[: self._random.randint(1, len(phrases) + 4)]

    def _generate_group_chat(self, line: Line, group: Group) -> list[SampleMessage]:
        times = self._generate_times()
        messages: list[SampleMessage] = []
        for phrase in self._random.sample(texts.GROUP_TALK, self._random.randint(2, 6)):
            author = self._random.choice((*group.members, None))
            quoted = self._choose_quoted(messages)
            kind = Kind.EXTENDED if quoted else Kind.TEXT
            messages.append(
                SampleMessage(
                    line, group, author, self._generate_wid(), next(times), kind, phrase, quoted
                )
            )
        return messages

    def _choose_quoted(self, messages: list[SampleMessage]) -> SampleMessage | None:
        return self._random.choice(messages) if messages and self._random.random() < 0.08 else None  # noqa: PLR2004 - rarely

    def _choose_content(self, author: Person | None, phrase: str) -> tuple[Kind, str]:
        """Choose the kind and the text: a few phrases become media, locations or cards."""
        kind = self._random.choices(list(Kind), (82, 3, 4, 1, 4, 2, 2, 1, 1))[0]
        match kind:
            case Kind.IMAGE | Kind.VIDEO:
                return kind, self._random.choice(texts.CAPTIONS)
            case Kind.DOCUMENT:
                return kind, self._random.choice(texts.FILES)
            case Kind.LOCATION:
                return kind, self._random.choice(texts.LOCATIONS)
            case Kind.CARD:
                return kind, author.name if author else "Central de Entregas"
            case Kind.AUDIO | Kind.STICKER:
                return kind, ""
            case Kind.TEXT | Kind.EXTENDED:
                return kind, phrase
