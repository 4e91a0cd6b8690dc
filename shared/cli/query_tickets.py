"""`chatia query tickets`: a list, counts by status, tickets created today, unread ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import Annotated, Final

import typer

from shared.cli import acts, known_values, query_output
from shared.cli.errors import InvalidUsageError
from shared.cli.options import expand_option_groups, parse_time
from shared.cli.query_format import to_camel
from shared.cli.query_output import Form, Listing, Question
from shared.queries import tickets
from shared.queries.query import Page, Query
from shared.queries.reader import Reader
from shared.queries.relations import NamedContact
from shared.queries.tickets import StatusCount, Ticket, TicketFilters
from shared.time_zones import build_period, find_day

app = typer.Typer(name="tickets", help="Tickets.", no_args_is_help=True)

COLUMNS: Final = {to_camel(name): name for name in tickets.COLUMNS}
DEFAULT_COLUMNS: Final = ("id", "status", "unread_messages", "updated_at", "last_message")
DEFAULT_RELATIONS: Final = ("contact", "user", "queue")
OPTIONAL: Final = ("queue", "user", "unreadMessages", "status")


class Status(StrEnum):
    """The status of a ticket."""

    OPEN = "open"
    PENDING = "pending"
    GROUP = "group"
    NPS = "nps"
    LGPD = "lgpd"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Filters:
    """Options that select tickets; all that are given must match."""

    queue: Annotated[int | None, typer.Option(min=1, max=acts.MAX_ID, help="In this queue.")] = None
    user: Annotated[int | None, typer.Option(min=1, max=acts.MAX_ID, help="Of this user.")] = None
    tag: Annotated[
        int | None, typer.Option(min=1, max=acts.MAX_ID, help="With this tag, or in this lane.")
    ] = None
    contact: Annotated[
        int | None, typer.Option(min=1, max=acts.MAX_ID, help="Of this contact.")
    ] = None
    line: Annotated[int | None, typer.Option(min=1, max=acts.MAX_ID, help="On this line.")] = None
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="Changed at this time or later."),
    ] = None
    before: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="Changed before this time."),
    ] = None

    @property
    def named(self) -> dict[str, int | None]:
        """The rows that the options name."""
        return {
            "queue": self.queue,
            "user": self.user,
            "tag": self.tag,
            "contact": self.contact,
            "line": self.line,
        }

    def build(self, statuses: Sequence[str], *, only_unread: bool) -> TicketFilters:
        """Return the filters of the query."""
        return TicketFilters(
            statuses=statuses,
            queue_id=self.queue,
            user_id=self.user,
            tag_id=self.tag,
            contact_id=self.contact,
            whatsapp_id=self.line,
            since=self.since,
            before=self.before,
            only_unread=only_unread,
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """Options that say what a list shows, and which page of it."""

    columns: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help=f"Separated by commas, of: {', '.join(COLUMNS)}."),
    ] = None
    relations: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="NAMES",
            help=f"Separated by commas, of: {', '.join(tickets.RELATIONS)}.",
        ),
    ] = None
    limit: query_output.LimitOption = query_output.LIMIT
    cursor: query_output.CursorOption = None

    def read(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the columns and relations; raises InvalidUsageError for an unknown name."""
        if self.columns is None and self.relations is None:
            return DEFAULT_COLUMNS, DEFAULT_RELATIONS
        relations = {name: name for name in tickets.RELATIONS}
        columns = "id" if self.columns is None else self.columns
        return (
            _read_names("column", columns, COLUMNS),
            _read_names("relation", self.relations or "", relations),
        )


@app.command("list")
@expand_option_groups
def list_command(
    *,
    company: acts.CompanyOption,
    status: Annotated[
        list[Status] | None, typer.Option(help="With this status; may be given several times.")
    ] = None,
    filters: Filters,
    unread: Annotated[bool, typer.Option("--unread", help="With unread messages.")] = False,
    shown: Shown,
    form: Form,
) -> None:
    """List tickets, the last changed first."""
    chosen = filters.build(status or tickets.STATUSES, only_unread=unread)
    _list(company, chosen, filters.named, shown, form)


@app.command("unread")
@expand_option_groups
def unread_command(
    *, company: acts.CompanyOption, filters: Filters, shown: Shown, form: Form
) -> None:
    """List the tickets with unread messages that are not closed, the last changed first."""
    chosen = filters.build(tickets.NOT_CLOSED, only_unread=True)
    _list(company, chosen, filters.named, shown, form)


@app.command("by-status")
@expand_option_groups
def by_status_command(
    *,
    company: acts.CompanyOption,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only this one; may be given several times.")
    ] = None,
    form: Form,
) -> None:
    """Count the tickets in each status."""
    cells: dict[str, Callable[[StatusCount], object]] = {
        "status": attrgetter("status"),
        "tickets": attrgetter("tickets"),
    }
    question = Question(
        company,
        lambda reader: tickets.build_counts_by_status(reader.company, status or tickets.STATUSES),
        lambda counts: Listing(counts, StatusCount, cells),
    )
    query_output.answer(question, form)


@dataclass(frozen=True, slots=True)
class CreatedCount:
    """How many tickets were created on a day of the company."""

    tickets: int


@app.command("today")
@expand_option_groups
def today_command(*, company: acts.CompanyOption, form: Form) -> None:
    """Count the tickets that were created today, on the day of the company's time zone."""
    cells: dict[str, Callable[[CreatedCount], object]] = {"tickets": attrgetter("tickets")}
    question = Question(
        company,
        partial(_build_today, datetime.now(UTC)),
        lambda count: Listing((CreatedCount(count),), CreatedCount, cells),
    )
    query_output.answer(question, form)


def _build_today(now: datetime, reader: Reader) -> Query[int]:
    day = find_day(reader.zone, now)
    return tickets.build_created(reader.company, build_period(reader.zone, day, day))


def _list(
    company: int,
    filters: TicketFilters,
    named: Mapping[str, int | None],
    shown: Shown,
    form: Form,
) -> None:
    columns, relations = shown.read()

    def build(reader: Reader) -> Query[Page[Ticket]]:
        return tickets.build_list(
            reader.company,
            filters,
            columns=columns,
            relations=relations,
            limit=shown.limit,
            cursor=shown.cursor,
        )

    def show(page: Page[Ticket]) -> Listing[Ticket]:
        cells: dict[str, Callable[[Ticket], object]] = {
            to_camel(name): attrgetter(name) for name in columns
        }
        cells |= {name: partial(_describe_relation, name) for name in relations}
        if "last_message" in columns:  # the longest comes last
            cells["lastMessage"] = cells.pop("lastMessage")
        return Listing(
            page.rows,
            Ticket,
            cells,
            shrinks="lastMessage",
            optional=[name for name in OPTIONAL if name in cells],
            fields=(*columns, *relations),
            cursors={"next": page.next_cursor},
        )

    query_output.answer(Question(company, build, show, named), form)


def _describe_relation(name: str, ticket: Ticket) -> object:
    related = getattr(ticket, name)
    if isinstance(related, NamedContact):
        return f"{related.name} ({related.number})" if related.number else related.name
    return related if related is None or name == "tags" else related.name


def _read_names(kind: str, text: str, known: Mapping[str, str]) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise InvalidUsageError(
                f"There is no {kind} {name}{known_values.suggest(name, known)}."
            )
    return tuple(known[name] for name in dict.fromkeys(names))
