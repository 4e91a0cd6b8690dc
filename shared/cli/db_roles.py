"""`chatia db roles`: the logins of services and readers."""

import asyncio
import os

from shared.cli import output
from shared.cli.db_connection import run_in_transaction
from shared.db import roles
from shared.db.roles import ROLES, Role


def roles_command() -> None:
    """Create a login role for each service and one for readers, and grant what each needs.

    ROLE_PASSWORD_TICKETS, _MESSAGES, _CONTACTS, _CAMPAIGNS and _READER set the passwords. Without
    its variable, a role keeps its password; a new role then has no password, and can log in only
    if the server does not ask for one. Roles that were set to NOLOGIN
    may log in again. Run this again after every upgrade.
    """
    passwords = read_role_passwords()
    made = asyncio.run(run_in_transaction(lambda conn: roles.apply(conn, passwords)))
    output.print_table(
        ("role", "was", "password"),
        [
            (
                role.name,
                describe_before(role),
                "set" if role.has_new_password else "as it was",
            )
            for role in made
        ],
    )


def describe_before(role: Role) -> str:
    """Return what was of a role before the command, or that it was created."""
    if role.created:
        return "created"
    return "NOLOGIN, may log in now" if role.was_locked else "there already"


def read_role_passwords() -> dict[str, str]:
    """Return the passwords of roles from ROLE_PASSWORD_*; roles without one are left out."""
    named = {role: os.environ.get(f"ROLE_PASSWORD_{role.upper()}") for role in ROLES}
    return {role: password for role, password in named.items() if password}
