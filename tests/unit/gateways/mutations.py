"""Payloads with a few members replaced or added anywhere, as no gateway sends them yet."""

from collections.abc import Mapping
from random import Random
from typing import Any

from pydantic import JsonValue

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 10**30, -(2**63), 2**53, 1.5, float("nan"), float("inf")),
    *("", " ", "x", "\x00", "\ud800", "status@broadcast", "1:2@lid", "@", "5511999990000@c.us"),
    *("data:;base64,", "x" * 999, "1790000000"),
    [],
    {},
    {"0": 1},
    [[], {}],
    {"message": {"conversation": "x"}},
    {"low": 1, "high": 2},
    [{"low": -1, "high": 2}],
)
ADDED = ("message", "key", "payload", "id", "type", "context", "data", "body", "from", "errors")

Path = tuple[str | int, ...]


def mutated(random: Random, payload: JsonValue) -> JsonValue:
    """Replace, add, remove or wrap one to four members."""
    for _ in range(random.randint(1, 4)):
        payload = _changed(payload, random.choice(_paths(random, payload)), random.choice(ODD))
    return payload


def _paths(random: Random, value: JsonValue, here: Path = ()) -> list[Path]:
    found = [here]
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += _paths(random, inner, (*here, index))
    elif isinstance(value, dict):
        for name, inner in ({random.choice(ADDED): None} | value).items():
            found += _paths(random, inner, (*here, name))
    return found


def _changed(value: JsonValue, path: Path, new: JsonValue) -> JsonValue:
    match value, path:
        case list(), (int(index), *rest):
            return [*value[:index], _changed(value[index], tuple(rest), new), *value[index + 1 :]]
        case dict(), (str(name), *rest):
            return {**value, name: _changed(value.get(name), tuple(rest), new)}
        case _:
            return new


def many(payloads: Mapping[str, JsonValue], count: int, seed: str) -> list[JsonValue]:
    """Give so many mutations of these payloads, the same ones for the same seed."""
    random = Random(seed)
    names = sorted(payloads)
    return [mutated(random, payloads[random.choice(names)]) for _ in range(count)]
