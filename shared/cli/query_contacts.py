"""`chatia query contacts`: by number, the active ones, and those with open tickets."""

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Final

import typer

from shared.cli import acts, query_output
from shared.cli.errors import CheckFailedError, InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.cli.query_output import Form, Listing, Question
from shared.queries import contacts
from shared.queries.contacts import BusyContact, Contact
from shared.queries.query import Page, Query
from shared.queries.reader import Reader

app = typer.Typer(name="contacts", help="Contacts.", no_args_is_help=True)

CELLS: Final[dict[str, Callable[[Contact], object]]] = {
    "id": attrgetter("id"),
    "number": attrgetter("number"),
    "group": attrgetter("is_group"),
    "active": attrgetter("active"),
    "blocked": attrgetter("blocked"),
    "created": attrgetter("created_at"),
    "name": attrgetter("name"),
}
BUSY: Final[dict[str, Callable[[BusyContact], object]]] = {
    "id": attrgetter("id"),
    "number": attrgetter("number"),
    "tickets": attrgetter("tickets"),
    "last change": attrgetter("last_change_at"),
    "name": attrgetter("name"),
}


@app.command("find")
@expand_option_groups
def find_command(
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="With country code; only digits count.")
    ],
    *,
    company: acts.CompanyOption,
    form: Form,
) -> None:
    """Find the contact with a number, with or without its ninth digit; exit code 1 if none has."""
    if not contacts.list_spellings(number):
        raise InvalidUsageError("Give a number with its country code, such as 5511912345678.")

    def show(found: tuple[Contact, ...]) -> Listing[Contact]:
        if not found:
            raise CheckFailedError(f"Company {company} has no contact with the number {number}.")
        return _list(found)

    question = Question(
        company, lambda reader: contacts.build_by_number(reader.company, number), show
    )
    query_output.answer(question, form)


@app.command("active")
@expand_option_groups
def active_command(
    *,
    company: acts.CompanyOption,
    limit: query_output.LimitOption = query_output.LIMIT,
    cursor: query_output.CursorOption = None,
    form: Form,
) -> None:
    """List the contacts that are not deleted, by name."""

    def build(reader: Reader) -> Query[Page[Contact]]:
        return contacts.build_active(reader.company, limit=limit, cursor=cursor)

    def show(page: Page[Contact]) -> Listing[Contact]:
        return _list(page.rows, {"next": page.next_cursor})

    query_output.answer(Question(company, build, show), form)


@app.command("with-open-tickets")
@expand_option_groups
def with_open_tickets_command(
    *,
    company: acts.CompanyOption,
    limit: query_output.LimitOption = query_output.LIMIT,
    cursor: query_output.CursorOption = None,
    form: Form,
) -> None:
    """List the contacts that have open or pending tickets, by id."""

    def build(reader: Reader) -> Query[Page[BusyContact]]:
        return contacts.build_with_open_tickets(reader.company, limit=limit, cursor=cursor)

    def show(page: Page[BusyContact]) -> Listing[BusyContact]:
        return Listing(
            page.rows,
            BusyContact,
            BUSY,
            shrinks="name",
            optional=("last change",),
            cursors={"next": page.next_cursor},
        )

    query_output.answer(Question(company, build, show), form)


def _list(
    rows: tuple[Contact, ...], cursors: dict[str, str | None] | None = None
) -> Listing[Contact]:
    optional = ("created", "blocked", "active", "group")
    return Listing(rows, Contact, CELLS, "name", optional, cursors=cursors or {})
