"""Error messages about records; they never quote values of a body."""

from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.contracts.base import NO_SPACES
from shared.contracts.campaign import NUMBER_OR_GROUP
from shared.contracts.message_content import EMOJI, LANGUAGE, TEMPLATE_NAME, WEB_ADDRESS

LONGEST_QUOTED = 100  # characters of a name in an error message

PATTERNS = {
    NO_SPACES: "without spaces",
    NUMBER_OR_GROUP: "digits only, with country code, or a group id",
    WEB_ADDRESS: "an http or https address without spaces",
    EMOJI: "an emoji without spaces",
    TEMPLATE_NAME: "small letters, digits and underscores",
    LANGUAGE: "a language as Meta spells it, such as pt_BR",
}
_TEXTS = {
    "missing": "this member is required",
    "timezone_aware": "a time with a zone is wanted, such as 2026-08-20T12:15:03Z",
    "datetime_from_date_parsing": "a time with a zone is wanted, such as 2026-08-20T12:15:03Z",
    "datetime_parsing": "a time with a zone is wanted, such as 2026-08-20T12:15:03Z",
    "datetime_type": "a time with a zone is wanted, such as 2026-08-20T12:15:03Z",
    "string_type": "text is wanted",
    "int_type": "an integer is wanted",
    "int_parsing": "an integer is wanted",
    "int_from_float": "an integer is wanted",
    "bool_type": "true or false is wanted",
    "bool_parsing": "true or false is wanted",
    "float_type": "a number is wanted",
    "float_parsing": "a number is wanted",
    "finite_number": "a number is wanted",
    "tuple_type": "a list is wanted",
    "list_type": "a list is wanted",
    "dict_type": "an object is wanted",
    "model_type": "an object is wanted",
}

_LIMITS = {  # with the limit of the contract
    "too_short": "at least {min_length} {unit} wanted",
    "too_long": "at most {max_length} {unit} wanted",
    "string_too_long": "at most {max_length} {unit} wanted",
    "greater_than_equal": "a number of at least {ge} is wanted",
    "less_than_equal": "a number of at most {le} is wanted",
    "literal_error": "one of {expected} is wanted",
    "enum": "one of {expected} is wanted",
    "json_invalid": "it is not JSON: {error}",
}


def describe_first_error(error: ValidationError) -> str:
    """Return the first invalid member and what is wrong, without its value."""
    return describe_errors(error, 1)[0]


def describe_errors(error: ValidationError, most: int = 20) -> list[str]:
    """Return the invalid members and what is wrong with each, without values."""
    errors = _drop_consequences(error.errors(include_input=False, include_url=False))[:most]
    return [_prefix_place(each, describe_error(each)) for each in errors]


def _drop_consequences(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Drop errors of lists that seem too short because an element of theirs is invalid."""
    places = {each["loc"][:depth] for each in errors for depth in range(len(each["loc"]))}
    return [each for each in errors if each["type"] != "too_short" or each["loc"] not in places]


def describe_error(error: ErrorDetails, patterns: Mapping[str, str] = PATTERNS) -> str:
    """Return what is wrong with one member, in words and without its value."""
    kind, limits = error["type"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return patterns.get(limits["pattern"], error["msg"])
    if kind == "string_too_short" and limits["min_length"] == 1:
        return "a text that is not empty is wanted"
    if kind in _LIMITS:
        return _LIMITS[kind].format(**limits, unit=_get_unit(kind, limits))
    return _TEXTS.get(kind, error["msg"].removeprefix("Value error, "))


def _get_unit(kind: str, limits: Mapping[str, object]) -> str:
    """Return what a length counts; a text with a validator of its own has the type `Value`."""
    is_text = kind == "string_too_long" or limits.get("field_type") == "Value"
    unit = "character" if is_text else "element"
    is_one = limits.get("min_length", limits.get("max_length")) == 1
    return f"{unit} is" if is_one else f"{unit}s are"


def describe_pattern(pattern: str) -> str:
    """Return a pattern of a contract in words."""
    return PATTERNS[pattern]


def quote_name(name: str) -> str:
    """Return a name for an error message: its first 100 characters, without NUL."""
    beginning = name[: LONGEST_QUOTED + 1].replace("\x00", "")
    return beginning if len(name) <= LONGEST_QUOTED else f"{beginning[:LONGEST_QUOTED]}…"


def describe_missing_line(company_id: int, whatsapp_id: int) -> str:
    """Return the error for a line that the company does not have, and how to fix it."""
    return (
        f'company {company_id} has no line {whatsapp_id} in "Whatsapps"; '
        "make it, then replay this record"
    )


def _prefix_place(error: ErrorDetails, text: str) -> str:
    place = quote_name(".".join(str(part) for part in error["loc"]))
    return f"{place}: {text}" if place else text
