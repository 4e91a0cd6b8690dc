"""`chatia query messages`: those of a ticket, unread ones, and those that hold some words."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Final

import typer

from shared.cli import acts, query_output
from shared.cli.errors import InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.cli.query_output import Form, Listing, Question
from shared.queries import messages
from shared.queries.messages import FoundMessage, Message, Messages, SearchResult
from shared.queries.query import Page, Query
from shared.queries.reader import Reader

app = typer.Typer(name="messages", help="Messages.", no_args_is_help=True)

TicketArgument = Annotated[
    int, typer.Argument(metavar="TICKET", min=1, max=acts.MAX_ID, help="The ticket, by its id.")
]
CELLS: Final[dict[str, Callable[[Message], object]]] = {
    "id": attrgetter("id"),
    "at": attrgetter("created_at"),
    "from": lambda message: "us" if message.from_me else "contact",
    "ack": attrgetter("ack"),
    "media": attrgetter("media_type"),
    "body": attrgetter("body"),
}
FOUND: Final[dict[str, Callable[[FoundMessage], object]]] = {
    "id": attrgetter("id"),
    "at": attrgetter("created_at"),
    "ticket": attrgetter("ticket_id"),
    "status": attrgetter("ticket_status"),
    "contact": attrgetter("contact.name"),
    "from": lambda message: "us" if message.from_me else "contact",
    "body": attrgetter("body"),
}
BOUNDED: Final = (
    "Only the newest 10,000 messages were searched: words of three letters and more are searched "
    "further, if the database has the index of trigrams (docs/queries.md)."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Options that say which messages of a ticket are shown; without one the last."""

    before: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Those before, as a page says.")
    ] = None
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Those after, as a page says.")
    ] = None
    around: Annotated[
        int | None,
        typer.Option(min=1, max=acts.MAX_ID, help="Those around this message, by its id."),
    ] = None

    def check(self) -> None:
        """Raise InvalidUsageError if several are given."""
        if sum(given is not None for given in (self.before, self.after, self.around)) > 1:
            raise InvalidUsageError("Give only one of --before, --after and --around.")

    def build(self, company: int, ticket: int, limit: int) -> Query[Messages]:
        """Build the query; raises InvalidCursorError."""
        if self.around is not None:
            return messages.build_around(company, ticket, self.around, limit=limit)
        if self.after is not None:
            return messages.build_after(company, ticket, self.after, limit=limit)
        return messages.build_last(company, ticket, limit=limit, before=self.before)


@app.command("last")
@expand_option_groups
def last_command(
    ticket: TicketArgument,
    *,
    company: acts.CompanyOption,
    place: Place,
    limit: query_output.LimitOption = query_output.LIMIT,
    form: Form,
) -> None:
    """List the last messages of a ticket, or those before, after or around one; oldest first."""
    place.check()

    def show(page: Messages) -> Listing[Message]:
        return _list(page.rows, {"older": page.older, "newer": page.newer})

    question = Question(
        company,
        lambda reader: place.build(reader.company, ticket, limit),
        show,
        {"ticket": ticket, "message": place.around},
    )
    query_output.answer(question, form)


@app.command("unread")
@expand_option_groups
def unread_command(
    ticket: TicketArgument,
    *,
    company: acts.CompanyOption,
    limit: query_output.LimitOption = query_output.LIMIT,
    cursor: query_output.CursorOption = None,
    form: Form,
) -> None:
    """List the messages of a ticket that count as unread, the newest first."""

    def build(reader: Reader) -> Query[Page[Message]]:
        return messages.build_unread(reader.company, ticket, limit=limit, cursor=cursor)

    def show(page: Page[Message]) -> Listing[Message]:
        return _list(page.rows, {"next": page.next_cursor})

    query_output.answer(Question(company, build, show, {"ticket": ticket}), form)


@app.command("search")
@expand_option_groups
def search_command(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="Words, or parts of words.")],
    *,
    company: acts.CompanyOption,
    limit: query_output.LimitOption = query_output.LIMIT,
    form: Form,
) -> None:
    """List the messages that hold all the words, the newest first; accents and case are ignored."""
    if not words.strip():
        raise InvalidUsageError("Give at least one word.")

    def show(result: SearchResult) -> Listing[FoundMessage]:
        return Listing(
            result.rows,
            FoundMessage,
            FOUND,
            shrinks="body",
            optional=("status", "from", "contact"),
            notes=(BOUNDED,) if result.is_bounded else (),
        )

    question = Question(
        company, lambda reader: messages.build_search(reader.company, words, limit=limit), show
    )
    query_output.answer(question, form)


def _list(rows: tuple[Message, ...], cursors: dict[str, str | None]) -> Listing[Message]:
    return Listing(rows, Message, CELLS, shrinks="body", optional=("media", "ack"), cursors=cursors)
