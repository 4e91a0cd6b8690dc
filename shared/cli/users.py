"""`chatia users`: lists users, sets their passwords, and disables them."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shared.cli import acts, known_values, output, user_store
from shared.cli.acts import Act
from shared.cli.dead_letter_format import escape_unprintable
from shared.cli.secret_input import GenerateOption, generate_password, read_secret
from shared.cli.user_store import FoundUser

app = typer.Typer(name="users", help="The users of companies.", no_args_is_help=True)

UserArgument = Annotated[
    str, typer.Argument(metavar="USER", help="The e-mail address, or the id of Users.")
]


@app.command("list")
def list_command(
    *, company: acts.OptionalCompanyOption = None, as_json: output.JsonOption = False
) -> None:
    """List users: company, name, e-mail address, profile, and whether they are disabled."""
    users = asyncio.run(_load_users(company))
    if as_json:
        output.print_json(users)
        return
    output.print_table(
        ("company", "user", "name", "email", "profile", "state"),
        [_build_row(user) for user in users],
        shrinks="name",
    )


@app.command("set-password")
def set_password(
    user: UserArgument, *, generate: GenerateOption = False, actor: acts.ActorOption = None
) -> None:
    """Set the password of a user, also of a disabled one, and end the user's sessions.

    The password is the first line of standard input; in a terminal it is asked for, hidden.
    """
    found = asyncio.run(_find(user))
    password = generate_password() if generate else read_secret("Password")
    password_hash = user_store.hash_checked(password)
    asyncio.run(_replace_hash(found, password_hash, "users.set-password", actor))
    if generate:
        output.print_line(f"The password of {found.email} is {password}")
    else:
        output.print_line(f"The password of {found.email} is set.")


@app.command("disable")
def disable(user: UserArgument, *, actor: acts.ActorOption = None) -> None:
    """Let a user log in no more, and end the user's sessions; rows and tickets stay.

    There is no column for this: the password is replaced by one that nobody can give. It ends
    when a password is set.
    """
    found = asyncio.run(_find(user))
    asyncio.run(_replace_hash(found, user_store.DISABLED, "users.disable", actor))
    output.print_line(f"{found.email} is disabled; `chatia users set-password` ends it.")


async def _load_users(company: int | None) -> list[Mapping[str, Any]]:
    async with acts.open_transaction() as conn:
        if company is not None:
            await known_values.check_company(conn, company)
        return await user_store.list_users(conn, company)


async def _find(user: str) -> FoundUser:
    async with acts.open_transaction() as conn:
        return await user_store.find_user(conn, user)


async def _replace_hash(user: FoundUser, value: str, did: str, actor: str | None) -> None:
    async with acts.open_transaction() as conn:
        await user_store.set_password(conn, user, value)
        act = Act("tickets", user.company_id, did, {"user": user.id})
        await acts.record_acts(conn, [act], actor)


def _build_row(user: Mapping[str, Any]) -> tuple[object, ...]:
    name, email = (escape_unprintable(user[column]) for column in ("name", "email"))
    profile = "super" if user["super"] else user["profile"]
    state = "disabled" if user["disabled"] else "active"
    return (user["company"], user["user"], name, email, profile, state)
