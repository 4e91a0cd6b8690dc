"""JSON Schemas of events, by direction: what we promise to send, and what we demand to receive."""

from typing import Any, Literal

from pydantic import BaseModel

from shared.contracts.base import OUTSIDE, Event, Request
from shared.contracts.message import ConversationEvent

Direction = Literal["sent", "received"]
Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
_MODES: dict[Direction, Literal["serialization", "validation"]] = {
    "sent": "serialization",
    "received": "validation",
}
_GENERAL = {ConversationEvent, Request, Event, BaseModel, object}
_ORDER = ("title", "description", "type", "format", "enum", "properties", "required")


def get_direction(contract: type[Event]) -> Direction:
    """Return the direction that the published schema of an event has.

    If a party outside writes it, readers can rely on no more than what is demanded of writers.
    """
    return "received" if OUTSIDE & set(contract.writers) else "sent"


def build_schema(contract: type[Event], direction: Direction) -> Schema:
    """Return the schema of a body, without `$ref`.

    Sent: a member without a value is absent, all others are required. Received: as the contract
    validates it; null is allowed where the value is optional.
    """
    generated = contract.model_json_schema(mode=_MODES[direction])
    schema = _simplify(generated, generated.get("$defs", {}), direction)
    return _sort({**schema, "title": contract.ce_type(), "description": describe(contract)})


def describe(contract: type[Event]) -> str:
    """Return the docstring of an event, with those of its bases that are no events themselves."""
    documented = [
        kind.__doc__
        for kind in contract.__mro__
        if kind is contract or (kind not in _GENERAL and "type" not in vars(kind))
    ]
    return "\n\n".join(_unfold(text) for text in documented if text)


def build_key_template(contract: type[Event]) -> str:
    """Return the Kafka key in terms of members: `companyId:whatsappId:chat`.

    Alternatives are joined by "or", in the order in which they are used.
    """
    fields = contract.model_fields
    names: dict[str, Any] = {name: field.alias or name for name, field in fields.items()}
    keys: list[str] = []
    while True:
        keys.append(contract.model_construct(**names).key)
        last = keys[-1].rpartition(":")[2]
        name = next((n for n, alias in names.items() if alias == last), "")
        if not name or fields[name].is_required():
            return " or ".join(keys)
        names[name] = None
        if contract.model_construct(**names).key.endswith(":None"):
            return " or ".join(keys)


def _simplify(node: Schema, definitions: dict[str, Schema], direction: Direction) -> Schema:
    """Return a schema with references replaced, null folded into the type, and no titles."""
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]] | {
            k: v for k, v in node.items() if k != "$ref"
        }
    if "anyOf" in node:
        return _fold_null(node, definitions, direction)
    result = {key: value for key, value in node.items() if key not in {"title", "$defs"}}
    _drop_default(result, direction)
    for inner in ("items", "additionalProperties"):
        if isinstance(result.get(inner), dict):
            result[inner] = _simplify(result[inner], definitions, direction)
    if "properties" in result:
        result["required"] = _list_required(result, direction)
        result["properties"] = {
            name: _simplify(member, definitions, direction)
            for name, member in result["properties"].items()
        }
    return _sort(result)


def _fold_null(node: Schema, definitions: dict[str, Schema], direction: Direction) -> Schema:
    (kept,) = (branch for branch in node["anyOf"] if branch.get("type") != "null")
    outer = {key: value for key, value in node.items() if key not in {"anyOf", "title"}}
    folded = _simplify(kept, definitions, direction) | outer
    if direction == "received":
        types = folded["type"] if isinstance(folded["type"], list) else [folded["type"]]
        folded["type"] = [*types, "null"]
    _drop_default(folded, direction)
    return _sort(folded)


def _drop_default(schema: Schema, direction: Direction) -> None:
    """Drop a default that is null, or that a sender never leaves out."""
    if direction == "sent" or schema.get("default", 0) is None:
        schema.pop("default", None)


def _list_required(node: Schema, direction: Direction) -> list[str]:
    if direction == "received":
        return list(node.get("required", ()))
    return [name for name, member in node["properties"].items() if not _is_nullable(member)]


def _is_nullable(member: Schema) -> bool:
    return any(branch.get("type") == "null" for branch in member.get("anyOf", ()))


def _sort(schema: Schema) -> Schema:
    first = {key: schema[key] for key in _ORDER if key in schema}
    return first | {key: value for key, value in schema.items() if key not in first}


def _unfold(docstring: str) -> str:
    """Return a docstring with each paragraph on one line."""
    paragraphs = docstring.strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
