"""Sample companies, their lines, the people who write to them, and groups.

The numbers cannot exist: no Brazilian mobile number has a zero after its leading 9.
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
class LineIds:
    """Ids of a line and its company in the database."""

    company_id: int
    whatsapp_id: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A running campaign and the line that it sends on."""

    id: int
    name: str
    line_ids: LineIds


@dataclass(frozen=True, slots=True)
class DemoRows:
    """Rows that a run inserted: ids of lines by instance, and campaigns."""

    lines: dict[str, LineIds]
    campaigns: tuple[Campaign, ...]

    @property
    def company_ids(self) -> list[int]:
        """Ids of the run's companies, sorted."""
        return sorted({line_ids.company_id for line_ids in self.lines.values()})


@dataclass(frozen=True, slots=True)
class Person:
    """A person who writes; WhatsApp shows the number, the LID or both."""

    name: str
    number: str | None
    lid: str | None

    @property
    def identity(self) -> str:
        """The number, else the LID; it identifies the contact."""
        return self.number or self.lid or ""

    @property
    def chat(self) -> str:
        """The `chat` member of events."""
        return self.number or f"{self.lid}@lid"

    @property
    def bsuid(self) -> str | None:
        """The BSUID of a person with a number, the same in every company."""
        return f"BR.{self.number}" if self.number else None


@dataclass(frozen=True, slots=True)
class Group:
    """A WhatsApp group that one line is a member of."""

    id: str
    members: tuple[Person, ...]

    @property
    def identity(self) -> str:
        """The id of the group; a group is a contact too."""
        return self.id

    @property
    def chat(self) -> str:
        """The `chat` member of events."""
        return self.id


def build_companies(run: str) -> tuple[Company, ...]:
    """Build the three companies; `run` makes their names and instances unique."""
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
