"""`chatia events`: what events look like; publish them, and translate a gateway's payloads."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, BinaryIO

import typer

from shared.cli import event_check, event_types, output
from shared.cli.errors import InvalidUsageError
from shared.cli.payloads import describe_translation, read_payloads
from shared.cli.publishing import publish
from shared.cli.records import LineParser, build_event_parser, parse_lines, parse_raw_record
from shared.gateways import registry
from shared.gateways.normalize.line import Line
from shared.settings import Settings

app = typer.Typer(name="events", help="Events on Kafka.", no_args_is_help=True)
app.command("types")(event_types.types_command)
app.command("schema")(event_types.schema_command)
app.command("sample")(event_types.sample_command)
app.command("check")(event_check.check_command)

InputFile = Annotated[
    typer.FileBinaryRead, typer.Argument(metavar="FILE", help="A file, or - for standard input.")
]


@app.command("publish")
def publish_command(
    topic: Annotated[str, typer.Argument(help="Without the namespace; in full with --raw.")],
    file: InputFile,
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Lines are records: {key, headers, value}.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Publish NDJSON, one event per line; if one line is invalid, nothing is published."""
    settings = Settings()
    full_name = topic if raw else f"{settings.namespace}.{topic}"
    read = (
        parse_raw_record
        if raw
        else build_event_parser(topic, f"{settings.namespace}/cli", datetime.now(UTC))
    )
    with _make_seekable(file) as lines:
        count = _publish_lines(settings, full_name, lines, read)
    if as_json:
        output.print_json({"topic": full_name, "published": count})
    else:
        output.print_line(f"Published to {full_name}: {count:,}.")


@app.command("translate")
def translate_command(
    gateway: Annotated[str, typer.Argument(help=f"One of: {', '.join(registry.GATEWAYS)}.")],
    file: InputFile,
    *,
    company: Annotated[int, typer.Option(min=0, help="The company that owns the line.")] = 1,
    line: Annotated[int, typer.Option(min=0, help="The line: its id in Whatsapps.")] = 1,
    as_json: output.JsonOption = False,
) -> None:
    """Show the events that a gateway's payload becomes, or the reason why there are none.

    `unreadable-payload`: its structure is unknown; a worker stores such a payload as a dead letter.
    """
    if gateway not in registry.GATEWAYS:
        known = ", ".join(registry.GATEWAYS)
        raise InvalidUsageError(f"The gateway {gateway} is not known; there are: {known}.")
    payloads = read_payloads(file.read())
    translations = [
        registry.translate(gateway, payload, Line(company, line, datetime.now(UTC)))
        for payload in payloads
    ]
    for translation in translations:
        answer = describe_translation(translation)
        if as_json:
            output.print_json(answer)
        else:
            output.print_line(json.dumps(answer, ensure_ascii=False, indent=2))


def _publish_lines(settings: Settings, topic: str, lines: BinaryIO, read: LineParser) -> int:
    total = sum(1 for _ in parse_lines(lines, read))
    lines.seek(0)
    with output.build_progress_bar() as bar:
        task = bar.add_task(f"Publishing to {topic}", total=total)
        return asyncio.run(
            publish(
                settings.kafka,
                topic,
                parse_lines(lines, read),
                lambda acknowledged: bar.advance(task, acknowledged),
            )
        )


@contextmanager
def _make_seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    # Lines are read twice, to check all before publishing any without holding them in memory.
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy
