"""`chatia query`: questions about one company's tickets, messages, contacts, and reports."""

import typer

from shared.cli import query_contacts, query_messages, query_reports, query_tickets

app = typer.Typer(
    name="query", help="Questions about the rows of one company.", no_args_is_help=True
)
for noun in (query_tickets, query_messages, query_contacts, query_reports):
    app.add_typer(noun.app)
