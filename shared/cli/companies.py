"""`chatia companies`: lists companies, and creates them with their first user."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from shared.cli import acts, output, user_store
from shared.cli.acts import Act
from shared.cli.dead_letter_format import escape_unprintable
from shared.cli.errors import InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.cli.secret_input import GenerateOption, generate_password, read_secret
from shared.cli.user_store import NewCompany
from shared.contracts.base import LONGEST_NAME

app = typer.Typer(name="companies", help="The companies (tenants).", no_args_is_help=True)


@app.command("list")
def list_command(*, as_json: output.JsonOption = False) -> None:
    """List companies: plan, users and lines of at most so many, and until when they are paid."""
    companies = asyncio.run(_load_companies())
    if as_json:
        output.print_json([_convert_to_json(company) for company in companies])
        return
    output.print_table(
        ("company", "name", "plan", "users", "lines", "state", "due"),
        [_build_row(company) for company in companies],
        shrinks="name",
        optional=("due",),
    )


@dataclass(frozen=True, slots=True)
class CompanyOptions:
    """Options of a new company."""

    email: Annotated[str, typer.Option(help="The login of the first user, an administrator.")]
    admin: Annotated[str, typer.Option(help="The first user's name.")] = "Administrador"
    plan: Annotated[
        str | None, typer.Option(help="Name or id; not needed if there is only one.")
    ] = None
    phone: Annotated[str | None, typer.Option(help="Of the company.")] = None

    def build_company(self, name: str) -> NewCompany:
        """Build the company, without spaces around its texts; raises InvalidUsageError."""
        _check_text("The name", name)
        _check_text("--email", self.email)
        _check_text("--admin", self.admin)
        if self.phone is not None:
            _check_text("--phone", self.phone)
        if "@" not in self.email:
            raise InvalidUsageError(f"--email: {self.email} is no e-mail address.")
        phone = self.phone.strip() if self.phone else None
        return NewCompany(name.strip(), self.plan, self.admin.strip(), self.email.strip(), phone)


@app.command("create")
@expand_option_groups
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Unique among all companies.")],
    *,
    options: CompanyOptions,
    generate: GenerateOption = False,
    actor: acts.ActorOption = None,
) -> None:
    """Create a company with its settings and its first user.

    The user's password is the first line of standard input; in a terminal it is asked for, hidden.
    """
    company = options.build_company(name)
    password = generate_password() if generate else read_secret("Password")
    password_hash = user_store.hash_checked(password)
    company_id = asyncio.run(_create(company, password_hash, actor))
    output.print_line(f"Company {company_id} is created, with the user {company.admin_email}.")
    if generate:
        output.print_line(f"The password of {company.admin_email} is {password}")


def _check_text(what: str, text: str) -> None:
    if not (0 < len(text.strip()) <= LONGEST_NAME and text.isprintable()):
        raise InvalidUsageError(f"{what} has 1 to {LONGEST_NAME} printable characters.")


async def _load_companies() -> list[Mapping[str, Any]]:
    async with acts.open_transaction() as conn:
        return await user_store.list_companies(conn)


async def _create(company: NewCompany, password_hash: str, actor: str | None) -> int:
    async with acts.open_transaction() as conn:
        company_id, user_id = await user_store.insert_company(conn, company, password_hash)
        act = Act("tickets", company_id, "companies.create", {"user": user_id})
        await acts.record_acts(conn, [act], actor)
    return company_id


def _convert_to_json(company: Mapping[str, Any]) -> dict[str, Any]:
    due = company["dueDate"]
    return {**company, "dueDate": due.isoformat() if due else None}


def _build_row(company: Mapping[str, Any]) -> tuple[object, ...]:
    due = company["dueDate"]
    return (
        company["company"],
        escape_unprintable(company["name"]),
        escape_unprintable(company["plan"] or "-"),
        _format_count(company["users"], company["mostUsers"]),
        _format_count(company["lines"], company["mostLines"]),
        "active" if company["active"] else "inactive",
        f"{due:%Y-%m-%d}" if due else "-",
    )


def _format_count(count: int, most: int | None) -> str:
    return str(count) if most is None else f"{count} of {most}"
