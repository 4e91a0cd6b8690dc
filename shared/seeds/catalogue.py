"""The seeds, in the order in which they are planted."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.seeds import rows
from shared.seeds.rows import Row


@dataclass(frozen=True, slots=True)
class Seed:
    """A named set of rows; `insert` takes the administrator's password and tells what is new."""

    name: str
    insert: Callable[[AsyncConnection, str], Awaitable[list[Row]]]


SEEDS = (
    Seed("20200904070003-create-default-company", rows.default_company),
    Seed("20200904070004-create-default-settings", rows.default_settings),
    Seed("20200904070006-create-default-user", rows.default_user),
    Seed("20230901093700-create-default-companiessettings", rows.default_companies_settings),
    Seed("20250101000000-ensure-super-admin", rows.super_admin),
)


class UnknownSeedError(Exception):
    """No seed has this name."""

    def __init__(self, name: str) -> None:
        known = ", ".join(seed.name for seed in SEEDS)
        super().__init__(f"There is no seed {name}; there are {known}.")


def chosen(name: str | None) -> Sequence[Seed]:
    """Find a seed by its name, with or without the old file's ending; all where there is none."""
    if name is None:
        return SEEDS
    found = [seed for seed in SEEDS if seed.name == name.removesuffix(".ts")]
    if not found:
        raise UnknownSeedError(name)
    return found
