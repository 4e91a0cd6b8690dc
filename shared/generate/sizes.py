"""How many rows of each kind a scale means, and how they are divided among companies and groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ZIPF_EXPONENT: Final = 0.9
FEWEST_COMPANIES: Final = 3
GROUP_SHARE: Final = 0.01  # of contacts
GROUP_MESSAGE_SHARE: Final = 0.06  # of messages, beside those of the busiest group


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of rows. The messages of the busiest group are all unread, and among `messages`."""

    companies: int
    users: int
    lines: int
    contacts: int
    tickets: int
    messages: int
    unread_in_group: int

    @property
    def groups(self) -> int:
        """Return how many of the contacts are groups, each with one ticket."""
        return max(1, round(self.contacts * GROUP_SHARE))


SCALE_1: Final = Sizes(
    companies=55,
    users=320,
    lines=180,
    contacts=45_000,
    tickets=120_000,
    messages=850_000,
    unread_in_group=50_000,
)


def scale_sizes(scale: float) -> Sizes:
    """Return the sizes of a scale: those of scale 1 times `scale`, with at least 3 companies.

    The busiest group does not grow beyond that of scale 1.
    """
    companies = max(FEWEST_COMPANIES, round(SCALE_1.companies * scale))
    return Sizes(
        companies=companies,
        users=max(companies, round(SCALE_1.users * scale)),
        lines=max(companies, round(SCALE_1.lines * scale)),
        contacts=round(SCALE_1.contacts * scale),
        tickets=round(SCALE_1.tickets * scale),
        messages=round(SCALE_1.messages * scale),
        unread_in_group=round(SCALE_1.unread_in_group * min(scale, 1)),
    )


def weigh_by_zipf(number: int) -> list[float]:
    """Return the weights of Zipf's law, the largest first."""
    return [1 / rank**ZIPF_EXPONENT for rank in range(1, number + 1)]


def share_out(total: int, weights: Sequence[float]) -> list[int]:
    """Divide a total by weights into whole numbers; each is at least 1 if the total allows it."""
    if total <= len(weights):
        return [1 if place < total else 0 for place in range(len(weights))]
    rest = total - len(weights)
    exact = [rest * weight / sum(weights) for weight in weights]
    shares = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: shares[place] - exact[place])
    for place in by_remainder[: rest - sum(shares)]:
        shares[place] += 1
    return [1 + share for share in shares]


def share_out_group_messages(sizes: Sizes) -> list[int]:
    """Return how many messages each group has; the first one is the busiest group."""
    others = sizes.groups - 1
    total = max(others, round(sizes.messages * GROUP_MESSAGE_SHARE)) if others else 0
    return [sizes.unread_in_group, *share_out(total, weigh_by_zipf(others))]
