"""Who plays: three companies with their lines, people who write to them, and their groups.

Nobody here exists: no Brazilian mobile number goes on with a zero after the ninth digit.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A WhatsApp number of a company and the Evolution instance that is paired with it."""

    name: str
    instance: str
    number: str
    allow_group: bool = False
    group_as_ticket: bool = False
    groups: int = 0


@dataclass(frozen=True, slots=True)
class Company:
    """A tenant."""

    name: str
    lines: tuple[Line, ...]
    campaigns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The database's ids of a line, which gateways of our own and schedulers must know."""

    company_id: int
    whatsapp_id: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A running campaign and the line that it sends on."""

    id: int
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands in the database before the play: lines by instance, and campaigns."""

    places: dict[str, Place]
    campaigns: tuple[Campaign, ...]

    @property
    def company_ids(self) -> list[int]:
        """The companies of this run, and only of this run."""
        return sorted({place.company_id for place in self.places.values()})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes; WhatsApp shows the number, the LID or both."""

    name: str
    number: str | None
    lid: str | None

    @property
    def identity(self) -> str:
        """What the contact is known by: the number, where there is one."""
        return self.number or self.lid or ""

    @property
    def chat(self) -> str:
        """The canonical chat of events (design 4)."""
        return self.number or f"{self.lid}@lid"


@dataclass(frozen=True, slots=True)
class Group:
    """A WhatsApp group that one line is a member of."""

    id: str
    members: tuple[Person, ...]

    @property
    def identity(self) -> str:
        """Groups are contacts too, known by their id."""
        return self.id

    @property
    def chat(self) -> str:
        """The canonical chat of events (design 4)."""
        return self.id


def companies(run: str) -> tuple[Company, ...]:
    """Cast the three companies; `run` makes every name and instance this run's own."""
    return (
        Company(
            f"Mercado Capivara Azul ({run})",
            (
                Line(
                    "Vendas",
                    f"capivara-vendas-{run}",
                    "5511900010001",
                    allow_group=True,
                    group_as_ticket=True,
                    groups=2,
                ),
                Line(
                    "Entregas",
                    f"capivara-entregas-{run}",
                    "5511900010002",
                    allow_group=True,
                    groups=2,
                ),
            ),
            ("Ofertas da semana", "Volte a comprar"),
        ),
        Company(
            f"Oficina Roda Mansa ({run})",
            (
                Line("Oficina", f"roda-mansa-oficina-{run}", "5521900020001", groups=1),
                Line("Peças", f"roda-mansa-pecas-{run}", "5521900020002"),
            ),
            ("Revisão de férias",),
        ),
        Company(
            f"Clínica Ipê Sorridente ({run})",
            (
                Line(
                    "Recepção",
                    f"ipe-recepcao-{run}",
                    "5541900030001",
                    allow_group=True,
                    group_as_ticket=True,
                    groups=2,
                ),
                Line("Financeiro", f"ipe-financeiro-{run}", "5541900030002"),
            ),
            ("Lembrete de consulta",),
        ),
    )
