"""Which contracts there are, by topic: found in this package, so that none is forgotten."""

from collections import defaultdict
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import shared.contracts
from shared.contracts.base import Event


@cache
def contracts() -> dict[str, tuple[type[Event], ...]]:
    """Give the events that may come on each topic, in the order of their types."""
    found: dict[str, list[type[Event]]] = defaultdict(list)
    for module in iter_modules(shared.contracts.__path__, "shared.contracts."):
        for member in vars(import_module(module.name)).values():
            if _is_contract(member) and member.__module__ == module.name:
                found[member.topic].append(member)
    return {
        topic: tuple(sorted(events, key=lambda event: event.ce_type()))
        for topic, events in sorted(found.items())
    }


def _is_contract(member: object) -> bool:
    return isinstance(member, type) and issubclass(member, Event) and hasattr(member, "type")
