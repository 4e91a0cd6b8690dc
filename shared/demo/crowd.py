"""The crowd: seeded conversations of customers with agents, and the chatter of groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from random import Random

from shared.demo import words
from shared.demo.cast import Company, Group, Line, Person

SPAN = timedelta(hours=6)  # the oldest conversation began so long before now
LONGEST_PAUSE_S = 90
NEWCOMERS = 0.7  # share of conversations that begin with somebody not seen before
GROUP_SHARE = 0.12  # of conversations, on lines that are in groups


class Kind(Enum):
    """What a message is, whatever a gateway calls it."""

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
class Said:
    """One message of the play; the author is None where it is ours."""

    line: Line
    chat: Person | Group
    author: Person | None
    wid: str
    at: datetime
    kind: Kind
    text: str
    quoted: "Said | None" = None

    @property
    def is_group(self) -> bool:
        """Whether it was said in a group."""
        return isinstance(self.chat, Group)


class Crowd:
    """Writes conversations; the same random source gives the same ones."""

    def __init__(self, random: Random, cast: Sequence[Company], now: datetime) -> None:
        self._random = random
        self._now = now.replace(microsecond=0)
        self._lines = [(company, line) for company in cast for line in company.lines]
        self._known: dict[str, list[Person]] = {company.name: [] for company in cast}
        self._taken: set[str] = set()
        self._groups = {
            line.instance: self._form_groups(company, line) for company, line in self._lines
        }

    def messages(self, count: int) -> list[Said]:
        """Write as many conversations as it takes, cut at `count` messages."""
        said: list[Said] = []
        while len(said) < count:
            company, line = self._random.choice(self._lines)
            groups = self._groups[line.instance]
            if groups and self._random.random() < GROUP_SHARE:
                said += self._chatter(line, self._random.choice(groups))
            else:
                said += self._conversation(line, self._customer(company))
        return said[:count]

    def person(self) -> Person:
        """Invent somebody whose number and LID nobody else has."""
        first, last = self._random.choice(words.FIRST_NAMES), self._random.choice(words.LAST_NAMES)
        shown = self._random.choices(("number", "both", "lid"), (55, 30, 15))[0]
        return Person(
            name=f"{first} {last}",
            number=None if shown == "lid" else self.number(),
            lid=None if shown == "number" else self._digits(14),
        )

    def number(self) -> str:
        """Invent a mobile number that nobody has."""
        return f"55{self._random.choice(words.AREA_CODES)}90{self._digits(7)}"

    def _digits(self, length: int) -> str:
        while True:
            digits = str(self._random.randrange(10 ** (length - 1), 10**length))
            if digits not in self._taken:
                self._taken.add(digits)
                return digits

    def _customer(self, company: Company) -> Person:
        known = self._known[company.name]
        if known and self._random.random() > NEWCOMERS:
            return self._random.choice(known)
        everybody = [person for people in self._known.values() for person in people]
        elsewhere = bool(everybody) and self._random.random() < 0.05  # noqa: PLR2004 - a customer of two companies
        known.append(self._random.choice(everybody) if elsewhere else self.person())
        return known[-1]

    def _form_groups(self, company: Company, line: Line) -> list[Group]:
        groups = [
            Group(f"120363{self._digits(12)}", tuple(self.person() for _ in range(5)))
            for _ in range(line.groups)
        ]
        if line.allow_group:
            self._known[company.name] += [group.members[0] for group in groups]
        return groups

    def _clock(self) -> Iterator[datetime]:
        # Whole seconds, as WhatsApp tells them.
        at = self._now - timedelta(
            seconds=int(SPAN.total_seconds() * self._random.uniform(0.05, 1))
        )
        while True:
            yield min(at, self._now)
            pause = self._random.choices((0, self._random.randint(1, LONGEST_PAUSE_S)), (15, 85))[0]
            at += timedelta(seconds=pause)

    def _wid(self) -> str:
        return f"3EB0{self._random.getrandbits(72):018X}"

    def _conversation(self, line: Line, customer: Person) -> list[Said]:
        blanks = {
            "first": customer.name.split()[0],
            "agent": self._random.choice(words.AGENTS),
            "order": str(self._random.randint(1000, 9999)),
            "price": f"{self._random.randint(12, 480)},{self._random.choice(('00', '50', '90'))}",
            "freight": f"{self._random.randint(5, 25)},00",
        }
        clock = self._clock()
        said: list[Said] = []
        for author, phrase in self._lines_of_dialogue(customer):
            kind, text = self._dress(author, phrase)
            quoted = self._quoted(said)
            if quoted and kind is Kind.TEXT:
                kind = Kind.EXTENDED
            said.append(
                Said(
                    line, customer, author, self._wid(), next(clock), kind,
                    text.format(**blanks), quoted if kind is Kind.EXTENDED else None,
                )
            )  # fmt: skip
        return said

    def _lines_of_dialogue(self, customer: Person) -> list[tuple[Person | None, str]]:
        choice = self._random.choice
        scenes = self._random.sample(words.SCENES, self._random.randint(1, 3))
        lines: list[tuple[Person | None, str]] = [(customer, choice(words.GREETINGS))]
        lines.append((None, choice(words.WELCOMES)))
        for asked, answered in scenes:
            lines += [(customer, phrase) for phrase in asked]
            lines += [(None, phrase) for phrase in answered]
        lines += [(customer, choice(words.GOODBYES)), (None, choice(words.FAREWELLS))]
        # Many conversations are still going on: somebody waits for an answer.
        return lines[: self._random.randint(1, len(lines) + 4)]

    def _chatter(self, line: Line, group: Group) -> list[Said]:
        clock = self._clock()
        said: list[Said] = []
        for phrase in self._random.sample(words.GROUP_TALK, self._random.randint(2, 6)):
            author = self._random.choice((*group.members, None))
            quoted = self._quoted(said)
            kind = Kind.EXTENDED if quoted else Kind.TEXT
            said.append(Said(line, group, author, self._wid(), next(clock), kind, phrase, quoted))
        return said

    def _quoted(self, said: list[Said]) -> Said | None:
        return self._random.choice(said) if said and self._random.random() < 0.08 else None  # noqa: PLR2004 - rarely

    def _dress(self, author: Person | None, phrase: str) -> tuple[Kind, str]:
        """Say some phrases otherwise: as a picture, a voice message or a place."""
        kind = self._random.choices(list(Kind), (82, 3, 4, 1, 4, 2, 2, 1, 1))[0]
        match kind:
            case Kind.IMAGE | Kind.VIDEO:
                return kind, self._random.choice(words.CAPTIONS)
            case Kind.DOCUMENT:
                return kind, self._random.choice(words.FILES)
            case Kind.LOCATION:
                return kind, self._random.choice(words.SQUARES)
            case Kind.CARD:
                return kind, author.name if author else "Central de Entregas"
            case Kind.AUDIO | Kind.STICKER:
                return kind, ""
            case Kind.TEXT | Kind.EXTENDED:
                return kind, phrase
