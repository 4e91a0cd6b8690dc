"""Mutations of payloads: a few members replaced, added, removed or wrapped."""

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


def mutate(random: Random, payload: JsonValue) -> JsonValue:
    """Replace, add, remove or wrap one to four members."""
    for _ in range(random.randint(1, 4)):
        payload = _replace(payload, random.choice(_list_paths(random, payload)), random.choice(ODD))
    return payload


def _list_paths(random: Random, value: JsonValue, here: Path = ()) -> list[Path]:
    paths = [here]
    if isinstance(value, list):
        for index, inner in enumerate(value):
            paths += _list_paths(random, inner, (*here, index))
    elif isinstance(value, dict):
        for name, inner in ({random.choice(ADDED): None} | value).items():
            paths += _list_paths(random, inner, (*here, name))
    return paths


def _replace(value: JsonValue, path: Path, new: JsonValue) -> JsonValue:
    match value, path:
        case list(), (int(index), *rest):
            return [*value[:index], _replace(value[index], tuple(rest), new), *value[index + 1 :]]
        case dict(), (str(name), *rest):
            return {**value, name: _replace(value.get(name), tuple(rest), new)}
        case _:
            return new


def build_mutations(payloads: Mapping[str, JsonValue], count: int, seed: str) -> list[JsonValue]:
    """Return `count` mutations of these payloads, the same ones for the same seed."""
    random = Random(seed)
    names = sorted(payloads)
    return [mutate(random, payloads[random.choice(names)]) for _ in range(count)]
