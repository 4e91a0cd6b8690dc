"""`chatia events check`: says what is wrong with events before they are published."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer
from pydantic import JsonValue, ValidationError
from pydantic_core import to_json

from shared.cli import output
from shared.cli.errors import CheckFailedError, InvalidUsageError
from shared.cli.event_types import find_contract
from shared.contracts.base import Event
from shared.contracts.bodies import read_body
from shared.contracts.catalogue import load_contracts
from shared.contracts.error_texts import describe_errors
from shared.contracts.ignored import find_ignored
from shared.contracts.json_limits import find_exceeded_limit

NO_TYPE = (
    "type: a structured event needs a type as text, such as chatia.message.received.v1; "
    "`chatia events types` lists all"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a line, and the names of members that are ignored."""

    line: int
    type: str
    wrong: list[str]
    ignored: tuple[str, ...] = ()


def check_command(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(metavar="FILE", help="NDJSON: a file, or - for standard input."),
    ],
    *,
    type_name: Annotated[
        str, typer.Option("--type", help="The type of lines that are bodies only.")
    ] = "",
    topic: Annotated[
        str, typer.Option(help="Where they are to be published, without the namespace.")
    ] = "",
    as_json: output.JsonOption = False,
) -> None:
    """Check events, one a line: structured CloudEvents, or bodies with --type or --topic."""
    default = _find_default(type_name, topic)
    wrong = total = 0
    for finding in _check_lines(file, default, topic):
        total += 1
        wrong += bool(finding.wrong)
        _print(finding, as_json=as_json)
    if wrong:
        raise CheckFailedError(f"{wrong:,} of {total:,} lines are wrong.")
    if not as_json:
        output.print_line(f"Lines that can be published: {total:,}.")


def _find_default(type_name: str, topic: str) -> type[Event] | None:
    """Return the contract of lines without a type, if the options name one."""
    contracts = load_contracts()
    if topic and topic not in contracts:
        raise InvalidUsageError(
            f"No events are known for the topic {topic}; there are {', '.join(contracts)}."
        )
    if type_name:
        return find_contract(type_name, topic)
    return contracts[topic][0] if topic and len(contracts[topic]) == 1 else None


def _check_lines(
    lines: Iterator[bytes], default: type[Event] | None, topic: str
) -> Iterator[Finding]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _check_line(number, line.strip(), default, topic)


def _check_line(number: int, line: bytes, default: type[Event] | None, topic: str) -> Finding:
    if limit := find_exceeded_limit(line):
        return Finding(number, "", [limit.detail])
    try:
        body, attributes = read_body(line)
    except ValueError as error:
        return Finding(number, "", [f"it is not JSON: {error}"])
    contract = default
    if attributes:
        name = attributes.get("type")
        if not isinstance(name, str):
            return Finding(number, "", [NO_TYPE])
        try:
            contract = find_contract(name, topic)
        except InvalidUsageError as error:
            return Finding(number, "", [f"type: {str(error).removesuffix('.')}"])
    if contract is None:
        return Finding(number, "", ["its type is not known: use --type, or a structured event"])
    return _check_body(number, contract, body)


def _check_body(number: int, contract: type[Event], body: JsonValue) -> Finding:
    wrong: list[str] = []
    if not isinstance(body, dict):
        wrong = ["an object with the members of the event is wanted"]
    else:
        try:
            contract.model_validate_json(to_json(body))
        except ValidationError as error:
            wrong = describe_errors(error)
    return Finding(number, contract.ce_type(), wrong, find_ignored(contract, body))


def _print(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        answer = {"line": finding.line, "type": finding.type, "wrong": finding.wrong}
        output.print_json({**answer, "ignored": finding.ignored})
        return
    for text in finding.wrong:
        output.print_line(f"Line {finding.line}: {text}")
    if finding.ignored:
        output.print_line(f"Line {finding.line}: ignored: {', '.join(finding.ignored)}")
