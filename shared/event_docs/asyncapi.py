"""The AsyncAPI 3.0 document: channels, messages and operations of one deployment."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from shared.contracts.base import OUTSIDE, Event
from shared.contracts.catalogue import load_contracts
from shared.contracts.cloudevents import CONTENT_TYPE, SPEC_VERSION
from shared.event_docs.samples import COMPLETE, MINIMAL, get_sample
from shared.event_docs.schemas import (
    Schema,
    build_key_template,
    build_schema,
    describe,
    get_direction,
)
from shared.topics import TOPICS, Topic

BINDING_VERSION: Final = "0.5.0"  # of AsyncAPI's Kafka bindings

INTRODUCTION: Final = """\
The events on the Kafka topics of ChatIA Flow, an event-driven WhatsApp help desk. Topic names \
begin with the namespace of the deployment, by default `chatia`.

A record's key is text, as each message says; records with the same key stay in order. Its body \
is JSON in UTF-8. Its headers are those of CloudEvents 1.0 in binary mode. Structured mode is \
read too: the header `content-type: application/cloudevents+json`, and a body with \
`specversion`, `type` and `data`.

Members that a contract does not have are ignored. Members without a value are absent in events \
that the services publish; in events that they read, null means the same."""

_HEADERS: Final[dict[str, Schema]] = {
    "ce_specversion": {"type": "string", "const": SPEC_VERSION},
    "ce_id": {"type": "string", "description": "Unique within `ce_source`."},
    "ce_type": {"type": "string"},
    "ce_source": {
        "type": "string",
        "description": "Of our services: deployment/service/topic/partition/epoch of the cause.",
    },
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_companyid": {
        "type": "string",
        "description": "`companyId` of the body; another one makes the record a dead letter.",
    },
    "ce_sequence": {
        "type": "string",
        "description": "Grows within `ce_source`; a lower one than already seen is a repetition.",
    },
    "content-type": {"type": "string", "const": CONTENT_TYPE},
}


def build_document() -> dict[str, Any]:
    """Return the document, ready for JSON."""
    contracts = load_contracts()
    topics = [topic for topic in TOPICS if topic.name in contracts]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ChatIA Flow",
            "version": "1.0.0",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _build_channel(topic) for topic in topics},
        "operations": dict(chain.from_iterable(_build_operations(topic) for topic in topics)),
        "components": {
            "messages": {
                contract.__name__: _build_message(contract)
                for topic in topics
                for contract in contracts[topic.name]
            },
            "schemas": {
                contract.__name__: build_schema(contract, get_direction(contract))
                for topic in topics
                for contract in contracts[topic.name]
            },
        },
    }


def build_text() -> str:
    """Return the document as the text of docs/asyncapi.json."""
    return json.dumps(build_document(), ensure_ascii=False, indent=1) + "\n"


def build_headers_schema(contract: type[Event]) -> Schema:
    """Return the schema of a record's headers in binary mode.

    From outside none is needed but `ce_type`, and that only on topics of several types.
    """
    headers = {name: dict(schema) for name, schema in _HEADERS.items()}
    headers["ce_type"]["const"] = contract.ce_type()
    is_alone = len(load_contracts()[contract.topic]) == 1
    needed = [] if is_alone else ["ce_type"]
    if get_direction(contract) == "sent":
        needed = [name for name in headers if name != "ce_sequence"]
    return {"type": "object", "properties": headers, "required": needed}


def _build_channel(topic: Topic) -> dict[str, Any]:
    settings: dict[str, Any] = {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms}
    if topic.max_message_bytes:
        settings["max.message.bytes"] = topic.max_message_bytes
    return {
        "address": f"{{namespace}}.{topic.name}",
        "parameters": {
            "namespace": {"default": "chatia", "description": "CHATIA_NAMESPACE"},
        },
        "messages": {
            contract.ce_type(): {"$ref": f"#/components/messages/{contract.__name__}"}
            for contract in load_contracts()[topic.name]
        },
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": settings,
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _build_operations(topic: Topic) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what each service does with a topic: which events it sends, which it receives."""
    contracts = load_contracts()[topic.name]
    for action in ("send", "receive"):
        roles: dict[str, list[type[Event]]] = {}
        for contract in contracts:
            for role in contract.writers if action == "send" else contract.readers:
                roles.setdefault(role, []).append(contract)
        for service in sorted(roles.keys() - OUTSIDE):
            operation: dict[str, Any] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "tags": [{"name": service}],
                "messages": [
                    {"$ref": f"#/channels/{topic.name}/messages/{contract.ce_type()}"}
                    for contract in roles[service]
                ],
            }
            if action == "receive":
                group = {"type": "string", "enum": [f"chatia.{service}"]}
                operation["bindings"] = {
                    "kafka": {"groupId": group, "bindingVersion": BINDING_VERSION}
                }
            yield f"{service}.{action}.{topic.name}", operation


def _build_message(contract: type[Event]) -> dict[str, Any]:
    description = describe(contract)
    return {
        "name": contract.ce_type(),
        "title": contract.type,
        "summary": description.partition("\n")[0],
        "description": description,
        "contentType": CONTENT_TYPE,
        "headers": build_headers_schema(contract),
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": build_key_template(contract)},
                "bindingVersion": BINDING_VERSION,
            }
        },
        "examples": [
            {
                "name": name,
                "headers": {"ce_type": contract.ce_type()},
                "payload": get_sample(contract, name),
            }
            for name in (COMPLETE, MINIMAL)
        ],
        "x-writers": list(contract.writers),
        "x-readers": list(contract.readers),
    }
