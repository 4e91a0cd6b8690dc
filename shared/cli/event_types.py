"""`chatia events types`, `schema` and `sample`: what the events on our topics look like."""

import json
from difflib import get_close_matches
from typing import Annotated

import typer

from shared.cli import output
from shared.cli.errors import InvalidUsageError
from shared.contracts.base import Event
from shared.contracts.catalogue import load_contracts
from shared.contracts.cloudevents import SPEC_VERSION
from shared.event_docs import samples
from shared.event_docs.schemas import DIALECT, build_key_template, build_schema, get_direction

NEAR = 5  # names in an error message
LISTED = "`chatia events types` lists all"

TypeArgument = Annotated[
    str, typer.Argument(metavar="TYPE", help="Such as message.received or chatia.ticket.close.v1.")
]


def types_command(*, as_json: output.JsonOption = False) -> None:
    """List the events: type, topic, key, who writes and who reads them."""
    events = list_contracts()
    if as_json:
        output.print_json([_describe(event) for event in events])
        return
    rows = [
        (
            each["type"],
            each["topic"],
            each["key"],
            ", ".join(event.writers),
            ", ".join(event.readers),
        )
        for event in events
        for each in (_describe(event),)
    ]
    output.print_table(("type", "topic", "key", "written by", "read by"), rows)


def schema_command(type_name: TypeArgument) -> None:
    """Print the JSON Schema of an event's body."""
    contract = find_contract(type_name)
    schema = {"$schema": DIALECT, **build_schema(contract, get_direction(contract))}
    output.print_line(json.dumps(schema, ensure_ascii=False, indent=2))


def sample_command(
    type_name: TypeArgument,
    *,
    minimal: Annotated[
        bool, typer.Option("--minimal", help="Only the members that it needs.")
    ] = False,
) -> None:
    """Print a sample event on one line, as `chatia events publish TOPIC -` reads it."""
    contract = find_contract(type_name)
    name = samples.MINIMAL if minimal else samples.COMPLETE
    output.print_json(
        {
            "specversion": SPEC_VERSION,
            "type": contract.ce_type(),
            "data": samples.get_sample(contract, name),
        }
    )


def list_contracts() -> list[type[Event]]:
    """Return all events by type, then by topic."""
    events = [event for of_topic in load_contracts().values() for event in of_topic]
    return sorted(events, key=lambda event: (event.ce_type(), event.topic))


def find_contract(name: str, topic: str = "") -> type[Event]:
    """Return the event of a type, which may lack `chatia.` and the version; the first of several.

    With `topic` only its events are considered. Raises InvalidUsageError that says which versions
    of the type exist or, if there are none, which names are similar.
    """
    events = [event for event in list_contracts() if topic in {"", event.topic}]
    wanted = name.strip().removeprefix("chatia.")
    for event in events:
        if wanted in {event.type, f"{event.type}.v{event.major}"}:
            return event
    raise InvalidUsageError(_explain_unknown(name, wanted, topic, events))


def _explain_unknown(name: str, wanted: str, topic: str, events: list[type[Event]]) -> str:
    where = f" on the topic {topic}" if topic else ""
    if not wanted:
        return f"The name of a type is wanted, not an empty text; {LISTED}."
    of_type = [event for event in events if wanted.rpartition(".v")[0] == event.type]
    if of_type:
        versions = ", ".join(event.ce_type() for event in of_type)
        return (
            f"{of_type[0].type} has no version {wanted.rpartition('.v')[2]}; there is {versions}."
        )
    known = sorted({event.type for event in events})
    near = get_close_matches(wanted, known, NEAR) or (known if topic else [])
    similar = f"; there are {', '.join(near)}" if near else ""
    return f"No event{where} is called {name}{similar}; {LISTED}."


def _describe(event: type[Event]) -> dict[str, object]:
    return {
        "type": event.ce_type(),
        "topic": event.topic,
        "key": build_key_template(event),
        "writers": event.writers,
        "readers": event.readers,
    }
