"""What options of commands share: values that are times, and groups declared as dataclasses."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from functools import wraps
from typing import Any

import typer


def parse_time(text: str) -> datetime:
    """Parse ISO 8601; a time without a zone is UTC. Raises BadParameter."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a time such as 2026-11-30T14:05:00Z."
        raise typer.BadParameter(msg) from error
    if not MINYEAR < time.year < MAXYEAR:  # conversion to UTC shifts by up to a day
        raise typer.BadParameter(f"the year of {text} is out of range")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def expand_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Replace parameters that are dataclasses by one option for each of their fields."""
    parameters = inspect.signature(command).parameters.values()
    groups: dict[str, Any] = {
        p.name: p.annotation for p in parameters if is_dataclass(p.annotation)
    }
    parameters_of_fields = [
        expanded for p in parameters for expanded in _expand_parameter(p, groups)
    ]

    @wraps(command)
    def run(**values: Any) -> None:  # noqa: ANN401 - option values have any type
        for name, group in groups.items():
            values[name] = group(**{f.name: values.pop(f.name) for f in fields(group)})
        command(**values)

    # Typer reads both: the names and defaults from here, the types from there.
    run.__signature__ = inspect.Signature(parameters_of_fields)  # type: ignore[attr-defined]  # mypy knows no such attribute of functions
    run.__annotations__ = {p.name: p.annotation for p in parameters_of_fields} | {"return": None}
    return run


def _expand_parameter(
    parameter: inspect.Parameter, groups: dict[str, Any]
) -> Iterator[inspect.Parameter]:
    if parameter.name not in groups:
        yield parameter
        return
    for field in fields(groups[parameter.name]):
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.type
        )
