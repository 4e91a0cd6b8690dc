"""Names of members that a body has and its contract does not: they are ignored when it is read."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import get_args

from pydantic import BaseModel, JsonValue

from shared.contracts.error_texts import quote_name

MOST_NAMES = 20  # of one body


def find_ignored(contract: type[BaseModel], body: JsonValue) -> tuple[str, ...]:
    """Return the names of ignored members, those of inner objects as `outer.inner`.

    At most the first 20 are returned, each cut to 100 characters.
    """
    return tuple(islice(_iterate_ignored(contract, body, ""), MOST_NAMES))


def describe_ignored(names: Sequence[str]) -> str:
    """Return the end of a sentence about a rejected body; empty if nothing was ignored."""
    return f"; ignored: {', '.join(names)}" if names else ""


def _iterate_ignored(contract: type[BaseModel], body: JsonValue, prefix: str) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    fields = {field.alias or name: field for name, field in contract.model_fields.items()}
    for name, value in body.items():
        if name in fields:
            for part in get_args(fields[name].annotation) or (fields[name].annotation,):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    yield from _iterate_ignored(part, value, f"{prefix}{name}.")
        elif name not in contract.model_fields:  # members are also read by their Python names
            yield quote_name(f"{prefix}{name}")
