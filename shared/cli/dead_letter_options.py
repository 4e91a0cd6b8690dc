"""Options of `chatia dead-letters`: filters, edits and the operator."""

import getpass
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import known_values
from shared.cli.dead_letter_replay import Edits, parse_header
from shared.cli.dead_letter_store import MAX_BIGINT, DeadLetterQuery
from shared.cli.options import parse_time
from shared.cli.worker import Service
from shared.settings import Settings

MAX_INT = 2**31 - 1
DEFAULT_TIMEOUT_SECONDS = 60.0


class Status(StrEnum):
    """The status of a dead letter; `all` means every status."""

    OPEN = "open"
    REPLAYED = "replayed"
    RESOLVED = "resolved"
    DISCARDED = "discarded"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Filters:
    """Options that select dead letters."""

    service: Annotated[Service | None, typer.Option(help="Rejected by this service.")] = None
    topic: Annotated[str | None, typer.Option(help="With or without the namespace.")] = None
    reason: Annotated[str | None, typer.Option(help="Such as unreadable-body.")] = None
    company: Annotated[int | None, typer.Option(min=0, max=MAX_INT, help="Of this company.")] = None
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="At this time or later, in ISO 8601."),
    ] = None
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", "--before", parser=parse_time, metavar="TIME", help="Before this time."
        ),
    ] = None
    status: Annotated[
        Status | None,
        typer.Option(
            help="`summary` counts all, `list` shows open and replayed, `replay` and `discard` "
            "take open."
        ),
    ] = None
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_INT, help="The maximum: the newest in `list`, else the oldest."
        ),
    ] = None

    async def check(self, conn: AsyncConnection, settings: Settings) -> None:
        """Raise InvalidUsageError for a reason, a company or a topic that does not exist."""
        if self.reason is not None:
            known_values.check_reason(self.reason)
        if self.company is not None:
            await known_values.check_company(conn, self.company, has_letters=True)
        if self.topic is not None:
            await known_values.check_topic(conn, settings, self.topic)

    def build_query(self, settings: Settings, default_statuses: Sequence[str]) -> DeadLetterQuery:
        """Build the query; a topic may be given with or without the namespace."""
        statuses = [self.status] if self.status else default_statuses
        all_statuses = [status for status in Status if status is not Status.ALL]
        return DeadLetterQuery(
            statuses=all_statuses if self.status is Status.ALL else statuses,
            service=self.service,
            topics=[self.topic, f"{settings.namespace}.{self.topic}"] if self.topic else None,
            reason=self.reason,
            company=self.company,
            since=self.since,
            until=self.until,
            limit=self.limit,
        )


@dataclass(frozen=True, slots=True)
class ActionOptions:
    """Options of commands that change something."""

    by: Annotated[
        str | None, typer.Option(metavar="WHO", help="Recorded; by default your user name.")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = (
        False
    )

    @property
    def operator(self) -> str:
        """The name that is recorded in the history."""
        with suppress(KeyError, OSError):  # containers have users without a name
            return self.by or getpass.getuser()
        return f"uid {os.getuid()}"


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """Whether and how long a command waits for what becomes of replayed letters."""

    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until the letters are settled.")
    ] = False
    timeout: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Stop waiting when none was settled for so long."
        ),
    ] = DEFAULT_TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class EditOptions:
    """Options that change a record before its replay."""

    edit: Annotated[
        typer.FileBinaryRead | None,
        typer.Option(metavar="FILE", help="The new body; only for one dead letter."),
    ] = None
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set a header; no value removes it."),
    ] = None

    def read(self) -> Edits:
        """Read the file and the headers."""
        return Edits(
            body=self.edit.read() if self.edit else None,
            headers=tuple(parse_header(text) for text in self.header or ()),
        )


IdArgument = Annotated[int, typer.Argument(metavar="ID", min=1, max=MAX_BIGINT)]
IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", min=1, max=MAX_BIGINT)]
OptionalIdsArgument = Annotated[
    list[int] | None, typer.Argument(metavar="[ID...]", min=1, max=MAX_BIGINT, show_default=False)
]
