"""The seeds, in the order in which they are inserted."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.seeds import rows
from shared.seeds.rows import Row


@dataclass(frozen=True, slots=True)
class Seed:
    """A named set of rows; `insert` takes the administrator's password and returns the new rows."""

    name: str
    insert: Callable[[AsyncConnection, str], Awaitable[list[Row]]]


SEEDS = (
    Seed("20200904070003-create-default-company", rows.insert_company),
    Seed("20200904070004-create-default-settings", rows.insert_settings),
    Seed("20200904070006-create-default-user", rows.insert_user),
    Seed("20230901093700-create-default-companiessettings", rows.insert_companies_settings),
    Seed("20250101000000-ensure-super-admin", rows.insert_super_admin),
)


class UnknownSeedError(Exception):
    """No seed has this name."""

    def __init__(self, name: str) -> None:
        known = ", ".join(seed.name for seed in SEEDS)
        super().__init__(f"There is no seed {name}; there are {known}.")


def select_seeds(name: str | None) -> Sequence[Seed]:
    """Return the seed of this name, with or without `.ts`; all seeds without a name."""
    if name is None:
        return SEEDS
    matches = [seed for seed in SEEDS if seed.name == name.removesuffix(".ts")]
    if not matches:
        raise UnknownSeedError(name)
    return matches
