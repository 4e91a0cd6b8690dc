"""`chatia events`: put events onto a topic, and see what a gateway's payload means."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, BinaryIO

import typer

from shared.cli import output
from shared.cli.errors import WrongUsage
from shared.cli.payloads import described, read_payloads
from shared.cli.publishing import publish
from shared.cli.records import Reader, event_reader, read_lines, read_raw
from shared.gateways import registry
from shared.gateways.line import Line
from shared.settings import Settings

app = typer.Typer(name="events", help="Events on Kafka.", no_args_is_help=True)

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
    """Publish NDJSON, one event a line; nothing is published when any line cannot be."""
    settings = Settings()
    full_name = topic if raw else f"{settings.namespace}.{topic}"
    read = read_raw if raw else event_reader(topic, f"{settings.namespace}/cli", datetime.now(UTC))
    with _rewindable(file) as lines:
        count = _publish_lines(settings, full_name, lines, read)
    if as_json:
        output.say_json({"topic": full_name, "published": count})
    else:
        output.say(f"Published to {full_name}: {count:,}.")


@app.command("translate")
def translate_command(
    gateway: Annotated[str, typer.Argument(help=f"One of: {', '.join(registry.GATEWAYS)}.")],
    file: InputFile,
    *,
    company: Annotated[int, typer.Option(min=0, help="The company that owns the line.")] = 1,
    line: Annotated[int, typer.Option(min=0, help="The line: its id in Whatsapps.")] = 1,
    as_json: output.JsonOption = False,
) -> None:
    """Show which events a gateway's payload becomes, or why it becomes none.

    `unreadable-payload` is not of the gateway's shape: a worker makes a dead letter of it.
    """
    if gateway not in registry.GATEWAYS:
        known = ", ".join(registry.GATEWAYS)
        raise WrongUsage(f"The gateway {gateway} is not known; there are: {known}.")
    payloads = read_payloads(file.read())
    translations = [
        registry.translate(gateway, payload, Line(company, line, datetime.now(UTC)))
        for payload in payloads
    ]
    for translation in translations:
        answer = described(translation)
        if as_json:
            output.say_json(answer)
        else:
            output.say(json.dumps(answer, ensure_ascii=False, indent=2))


def _publish_lines(settings: Settings, topic: str, lines: BinaryIO, read: Reader) -> int:
    total = sum(1 for _ in read_lines(lines, read))
    lines.seek(0)
    with output.progress_bar() as bar:
        task = bar.add_task(f"Publishing to {topic}", total=total)
        return asyncio.run(
            publish(
                settings.kafka,
                topic,
                read_lines(lines, read),
                lambda acknowledged: bar.advance(task, acknowledged),
            )
        )


@contextmanager
def _rewindable(file: BinaryIO) -> Iterator[BinaryIO]:
    # Lines are read twice, first to judge all and then to publish, so that size is no matter.
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy
