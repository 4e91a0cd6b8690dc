"""The options of `chatia dead-letters`: which letters, mended how, by whom."""

import getpass
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from shared.cli.letters import Query
from shared.cli.replaying import Mending, header
from shared.cli.worker import Service
from shared.settings import Settings

LARGEST_NUMBER = 2**31 - 1
LARGEST_ID = 2**63 - 1


class Status(StrEnum):
    """How far a letter is."""

    OPEN = "open"
    REPLAYED = "replayed"
    RESOLVED = "resolved"
    DISCARDED = "discarded"
    ALL = "all"


def _moment(text: str) -> datetime:
    """Read ISO 8601; a time without a zone is in UTC."""
    found = datetime.fromisoformat(text)
    if not MINYEAR < found.year < MAXYEAR:  # a day's shift to UTC must stay within them
        raise typer.BadParameter(f"{text} is no year that a letter can be of")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which letters a command is about."""

    service: Annotated[Service | None, typer.Option(help="Refused by this service.")] = None
    topic: Annotated[str | None, typer.Option(help="With or without the namespace.")] = None
    reason: Annotated[str | None, typer.Option(help="Such as unreadable-body.")] = None
    company: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_NUMBER, help="Of this company.")
    ] = None
    since: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="TIME", help="Dead since then or later; ISO 8601."),
    ] = None
    until: Annotated[
        datetime | None, typer.Option(parser=_moment, metavar="TIME", help="Dead before then.")
    ] = None
    status: Annotated[
        Status | None, typer.Option(help="`list` shows open and replayed, `replay` takes open.")
    ] = None
    limit: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_NUMBER, help="At most so many.")
    ] = None

    def query(self, settings: Settings, usual: Sequence[str]) -> Query:
        """Say it in the database's words."""
        statuses = [self.status] if self.status else usual
        everything = [status for status in Status if status is not Status.ALL]
        return Query(
            statuses=everything if self.status is Status.ALL else statuses,
            service=self.service,
            topics=[self.topic, f"{settings.namespace}.{self.topic}"] if self.topic else None,
            reason=self.reason,
            company=self.company,
            since=self.since,
            until=self.until,
            limit=self.limit,
        )


@dataclass(frozen=True, slots=True)
class Act:
    """Who does it, and whether really."""

    by: Annotated[
        str | None, typer.Option(metavar="WHO", help="Recorded; by default your user name.")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = (
        False
    )

    @property
    def who(self) -> str:
        """The name to record."""
        with suppress(KeyError, OSError):  # containers have users without a name
            return self.by or getpass.getuser()
        return f"uid {os.getuid()}"


@dataclass(frozen=True, slots=True)
class Mended:
    """What is put in the place of what a record had."""

    edit: Annotated[
        typer.FileBinaryRead | None,
        typer.Option(metavar="FILE", help="The body to put back instead; for one letter."),
    ] = None
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set a header; without a value it goes."),
    ] = None

    def read(self) -> Mending:
        """Read the file and the headers."""
        return Mending(
            body=self.edit.read() if self.edit else None,
            headers=tuple(header(text) for text in self.header or ()),
        )


OneId = Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID)]
SomeIds = Annotated[list[int], typer.Argument(metavar="ID...", min=1, max=LARGEST_ID)]
NoIds = Annotated[
    list[int] | None, typer.Argument(metavar="[ID...]", min=1, max=LARGEST_ID, show_default=False)
]
