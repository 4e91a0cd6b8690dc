"""Finds changes of the contract that break readers or writers of its events."""

from collections.abc import Iterator
from typing import Any, Final

from shared.contracts.catalogue import load_contracts
from shared.event_docs.schemas import Direction, Schema, build_key_template, build_schema

Baseline = dict[str, dict[str, Any]]

# Limits, and whether a higher value allows more.
LIMITS: Final = {
    "maxLength": True,
    "maximum": True,
    "maxItems": True,
    "maxProperties": True,
    "minLength": False,
    "minimum": False,
    "minItems": False,
}
_TEXTS: Final = {"title", "description", "examples"}
EXACT: Final = ("format", "pattern", "x-cut-to")
DIRECTIONS: Final[tuple[Direction, ...]] = ("sent", "received")


def build_baseline() -> Baseline:
    """Return what the contracts promise and demand now, by topic and type."""
    return {
        f"{contract.topic} {contract.ce_type()}": {
            "key": build_key_template(contract),
            **{
                direction: _drop_texts(build_schema(contract, direction))
                for direction in DIRECTIONS
            },
        }
        for contracts in load_contracts().values()
        for contract in contracts
    }


def find_breaks(before: Baseline, after: Baseline) -> list[str]:
    """Return a sentence for each change that a version does not allow; see docs/versioning.md."""
    return [
        text for name in before for text in _compare_events(name, before[name], after.get(name))
    ]


def _drop_texts(schema: Schema) -> Schema:
    """Return a schema without descriptions and examples, which may change."""
    kept = {key: value for key, value in schema.items() if key not in _TEXTS}
    for inner in ("items", "additionalProperties"):
        if isinstance(kept.get(inner), dict):
            kept[inner] = _drop_texts(kept[inner])
    if "properties" in kept:
        kept["properties"] = {n: _drop_texts(each) for n, each in kept["properties"].items()}
    return kept


def _compare_events(
    name: str, before: dict[str, Any], after: dict[str, Any] | None
) -> Iterator[str]:
    if after is None:
        yield f"{name}: the event was removed"
        return
    if before["key"] != after["key"]:
        yield f"{name}: the key was {before['key']} and is {after['key']}"
    for direction in DIRECTIONS:
        for place, change in _compare(before[direction], after[direction], direction):
            yield f"{name}, {direction}: {place.lstrip('.') or 'the body'}: {change}"


def _compare(
    before: Schema, after: Schema, direction: Direction, place: str = ""
) -> Iterator[tuple[str, str]]:
    for change in (
        *_compare_values(before, after, direction),
        *_compare_limits(before, after, direction),
    ):
        yield place, change
    yield from _compare_members(before, after, direction, place)
    for inner in ("items", "additionalProperties"):
        old, new = before.get(inner), after.get(inner)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _compare(old, new, direction, f"{place}[]")
        elif isinstance(old, dict) != isinstance(new, dict):
            yield f"{place}[]", "the type of its values changed"


def _compare_members(
    before: Schema, after: Schema, direction: Direction, place: str
) -> Iterator[tuple[str, str]]:
    old, new = before.get("properties", {}), after.get("properties", {})
    needed_before, needed = set(before.get("required", ())), set(after.get("required", ()))
    for name in old:
        if name not in new:
            yield f"{place}.{name}", "it was removed"
        else:
            yield from _compare(old[name], new[name], direction, f"{place}.{name}")
    if direction == "sent":
        for name in sorted((needed_before - needed) & new.keys()):
            yield f"{place}.{name}", "it was always there and no longer is"
    else:
        for name in sorted(needed - needed_before):
            yield f"{place}.{name}", "it was not required and is"


def _compare_values(before: Schema, after: Schema, direction: Direction) -> Iterator[str]:
    """Yield changes of types, listed values and the default.

    Readers of what we send may not meet more, writers of what we receive may not be allowed less.
    """
    changed = _find_changed(_list_types(before), _list_types(after), direction)
    if changed:
        yield f"the type {', '.join(changed)} {_describe_end(direction)}"
    old, new = before.get("enum"), after.get("enum")
    if (old is None) != (new is None):
        if (new is None) == (direction == "sent"):
            yield f"a list of values {'was' if new is None else 'is'} its limit"
    elif old is not None and new is not None:
        changed = _find_changed(old, new, direction)
        if changed:
            yield f"the value {', '.join(changed)} {_describe_end(direction)}"
    if before.get("default") != after.get("default"):
        yield f"the default was {before.get('default')!r} and is {after.get('default')!r}"


def _compare_limits(before: Schema, after: Schema, direction: Direction) -> Iterator[str]:
    for name, grows in LIMITS.items():
        old, new = before.get(name), after.get(name)
        if old != new and _is_break(old, new, grows=grows, direction=direction):
            yield f"{name} was {old} and is {new}"
    for name in EXACT:
        old, new = before.get(name), after.get(name)
        may_vanish = direction == "received" and new is None
        may_appear = direction == "sent" and old is None
        if old != new and not may_vanish and not may_appear:
            yield f"{name} was {old} and is {new}"


def _is_break(old: float | None, new: float | None, *, grows: bool, direction: Direction) -> bool:
    """Return whether a limit allows more of what we send, or less of what we receive."""
    allows_more = new is None or (old is not None and (new > old) == grows)
    return allows_more == (direction == "sent")


def _find_changed(old: list[Any], new: list[Any], direction: Direction) -> list[str]:
    more, fewer = (new, old) if direction == "sent" else (old, new)
    # Every integer is a number, so readers and writers of numbers know it.
    known = {*fewer, *(["integer"] if "number" in fewer else [])}
    return [str(value) for value in more if value not in known]


def _describe_end(direction: Direction) -> str:
    return "was added" if direction == "sent" else "is no longer accepted"


def _list_types(schema: Schema) -> list[str]:
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]
