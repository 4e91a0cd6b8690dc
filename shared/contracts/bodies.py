"""Reads the JSON of a body, which may be a structured CloudEvent."""

from pydantic import JsonValue
from pydantic_core import from_json

from shared.contracts.surrogates import repair_surrogates


def read_body(
    value: bytes, *, is_structured: bool | None = None
) -> tuple[JsonValue, dict[str, JsonValue]]:
    """Return the members of an event, and the attributes of the structured CloudEvent around them.

    Without `is_structured`, a body with `specversion` is a structured CloudEvent. The members of a
    body that is no object are whatever it is. Raises ValueError if it is not JSON.
    """
    body: JsonValue = from_json(repair_surrogates(value))
    if not isinstance(body, dict):
        return body, {}
    if is_structured is None:
        is_structured = "specversion" in body
    if not is_structured:
        return body, {}
    return body.get("data"), {name: member for name, member in body.items() if name != "data"}
