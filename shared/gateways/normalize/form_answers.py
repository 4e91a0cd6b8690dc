"""Formats the answers of a form (a flow of WhatsApp) as text."""

from collections.abc import Iterator
from itertools import islice

from pydantic import JsonValue

from shared.gateways.normalize.json_values import (
    JsonObject,
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
_NO_ANSWERS = frozenset({"wa_flow_response_params"})


def format_answers(answers: JsonValue) -> str:
    """Return the answers of a form, one `name: value` per line, without its tokens.

    Only the first `MOST_ANSWERS` are shown, each with at most `LONGEST_ANSWER` characters. Answers
    that are not an object have no names and are one line.
    """
    if not isinstance(answers, dict):
        return _format_value(answers)
    answers = read_object(answers, "values") or answers  # an address has its answers there
    return "\n".join(islice(_list_answers(answers), MOST_ANSWERS))


def _list_answers(answers: JsonObject) -> Iterator[str]:
    for name, answer in answers.items():
        if name in _NO_ANSWERS or is_secret(name):
            continue
        if value := _format_value(answer):
            yield f"{clean_text(name[:_LONGEST_LABEL])}: {value}"


def _format_value(value: JsonValue) -> str:
    parts = map(_format_part, read_choices(as_list(value)))
    return ", ".join(filter(None, parts))[:LONGEST_ANSWER]


def _format_part(part: JsonValue) -> str:
    if not isinstance(part, dict):
        return _format_scalar(part)
    scalars = (_format_scalar(value) for name, value in part.items() if not is_secret(name))
    return read_text(part, "file_name") or ", ".join(filter(None, scalars))


def _format_scalar(value: JsonValue) -> str:
    match value:
        case str():
            return clean_text(value).strip()
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)[:40]
        case _:
            return ""
