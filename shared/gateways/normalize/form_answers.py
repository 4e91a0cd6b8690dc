"""Formats the answers of a form (a flow of WhatsApp) as text."""

from collections.abc import Collection, Iterator
from itertools import islice

from pydantic import JsonValue

from shared.gateways.normalize.json_values import (
    as_list,
    clean_text,
    read_choices,
    read_object,
    read_text,
)
from shared.gateways.normalize.redaction import is_secret

MOST_ANSWERS = 100
LONGEST_ANSWER = 1_000  # characters
_LONGEST_LABEL = 80
_DEEPEST = 8  # levels; forms have up to three
_NO_ANSWER = "wa_flow_response_params"


def format_answers(answers: JsonValue, left_out: Collection[str] = ()) -> str:
    """Return the answers of a form, one `name: value` per line, without its tokens.

    The name of a nested answer is `order.street`, or `items.2.street` in a list of several. Only
    the first `MOST_ANSWERS` are shown, each with at most `LONGEST_ANSWER` characters. Answers
    without names are one line. `left_out` are names of the whole that are no answers.
    """
    if isinstance(answers, dict):
        answers = read_object(answers, "values") or answers  # an address has its answers there
        answers = {name: value for name, value in answers.items() if name not in left_out}
    return "\n".join(islice(_list_answers("", answers, _DEEPEST), MOST_ANSWERS))


def _list_answers(label: str, answer: JsonValue, levels: int) -> Iterator[str]:
    """Yield a line for each answer within a value; values without members are one line."""
    parts = read_choices(as_list(answer))
    scalars = ", ".join(filter(None, map(_format_scalar, parts)))[:LONGEST_ANSWER]
    if scalars:
        yield f"{label[:_LONGEST_LABEL]}: {scalars}" if label else scalars
    if levels == 0:
        return
    for number, part in enumerate(parts, 1):
        place = _join_labels(label, str(number)) if parts[1:] else label
        for name, inner in _list_members(part):
            yield from _list_answers(_join_labels(place, name), inner, levels - 1)


def _list_members(part: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Yield the members of an object that are answers; a list within a list has no names."""
    if isinstance(part, list):
        yield "", part
    elif isinstance(part, dict) and not read_text(part, "file_name"):
        for name, value in part.items():
            if name != _NO_ANSWER and not is_secret(name):
                yield clean_text(name[:_LONGEST_LABEL]), value


def _join_labels(outer: str, inner: str) -> str:
    return ".".join(filter(None, (outer, inner)))


def _format_scalar(value: JsonValue) -> str:
    match value:
        case str():
            return clean_text(value).strip()
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)[:40]
        case dict():
            return read_text(value, "file_name").strip()
        case _:
            return ""
