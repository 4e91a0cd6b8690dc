"""The contracts by topic, collected from the modules of this package."""

from collections import defaultdict
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import shared.contracts
from shared.contracts.base import Event


@cache
def load_contracts() -> dict[str, tuple[type[Event], ...]]:
    """Return the events of each topic, ordered by type."""
    by_topic: dict[str, list[type[Event]]] = defaultdict(list)
    for module in iter_modules(shared.contracts.__path__, "shared.contracts."):
        for member in vars(import_module(module.name)).values():
            if _is_contract(member) and member.__module__ == module.name:
                by_topic[member.topic].append(member)
    return {
        topic: tuple(sorted(events, key=lambda event: event.ce_type()))
        for topic, events in sorted(by_topic.items())
    }


def _is_contract(member: object) -> bool:
    return isinstance(member, type) and issubclass(member, Event) and hasattr(member, "type")
