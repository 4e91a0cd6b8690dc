"""Types and limits of members in words, from their schemas."""

from shared.contracts.error_texts import describe_pattern
from shared.event_docs.schemas import Schema

_TYPES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "object",
}
_LARGEST_ID = 2**31 - 1


def describe_type(member: Schema) -> str:
    """Return the type of a member: `text`, `list of integers` or `time`."""
    if member.get("format") == "date-time":
        return "time" if member["type"] == "string" else "time or number"
    names = [name for name in _list_types(member) if name != "null"]
    text = " or ".join(_TYPES[name] for name in names)
    if text == "list" and "items" in member:
        return f"list of {_pluralize(describe_type(member['items']))}"
    inner = member.get("additionalProperties")
    if text == "object" and isinstance(inner, dict):
        return f"object of {_pluralize(describe_type(inner))} by name"
    return text


def describe_limits(member: Schema) -> str:
    """Return the limits of a member, joined by semicolons; empty if there are none."""
    found = [*_list_limits(member)]
    items = member.get("items")
    if isinstance(items, dict) and (of_items := describe_limits(items)):
        found.append(f"each: {of_items}")
    if "null" in _list_types(member):
        found.append("may be null")
    if member.get("default") not in (None, ""):
        found.append(f"default {_quote(member['default'])}")
    return "; ".join(found)


def _list_limits(member: Schema) -> list[str]:
    found = []
    if "enum" in member:
        found.append("one of " + ", ".join(map(_quote, member["enum"])))
    if "minimum" in member or "maximum" in member:
        found.append(_describe_range(member))
    if "maxLength" in member:
        least = member.get("minLength", 0)
        found.append(f"{least} to {member['maxLength']:,} characters")
    if "pattern" in member:
        found.append(describe_pattern(member["pattern"]))
    if "maxItems" in member:
        found.append(f"{member.get('minItems', 0)} to {member['maxItems']:,} elements")
    if "maxProperties" in member:
        found.append(f"at most {member['maxProperties']:,} members")
    if "x-cut-to" in member:
        found.append(f"cut to {member['x-cut-to']} characters")
    return found


def _describe_range(member: Schema) -> str:
    if (member.get("minimum"), member.get("maximum")) == (0, _LARGEST_ID):
        return "from 0, 31 bits"
    return f"from {member['minimum']} to {member['maximum']}"


def _list_types(member: Schema) -> list[str]:
    types = member.get("type", "object")
    return types if isinstance(types, list) else [types]


def _pluralize(name: str) -> str:
    return {"text": "texts", "integer": "integers", "object": "objects"}.get(name, name)


def _quote(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`"
