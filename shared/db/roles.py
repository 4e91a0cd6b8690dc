"""The login roles of the services and of readers: who may write what follows from the owners.

Roles belong to the whole cluster, so their names begin with the database's. They are made by a
command and not by a migration; run it again after every upgrade.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.schema import EVERY_SERVICE, OWNERS, SERVICES

READER: Final = "reader"
ROLES: Final = (*SERVICES, READER)

# Deleting these takes rows of other owners along: that is a purge, done in steps by each owner.
NEVER_DELETED: Final = {"Companies", "Whatsapps", "Contacts", "Tickets", "Users", "Queues"}

LONGEST_NAME: Final = 63  # bytes of a Postgres identifier
SCRAM_ROUNDS: Final = 4096

EXISTS = statement("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
DATABASE = statement("SELECT current_database()")

SEQUENCES = statement("""
SELECT DISTINCT s.relname
FROM pg_class s
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'a'
JOIN pg_class t ON t.oid = d.refobjid
WHERE s.relkind = 'S' AND t.relnamespace = 'public'::regnamespace
  AND t.relname = ANY(CAST(:tables AS text[]))
ORDER BY s.relname
""")


@dataclass(frozen=True, slots=True)
class Role:
    """A role as the command leaves it."""

    name: str
    created: bool
    has_new_password: bool


class RoleNameTooLongError(Exception):
    """The database's name is too long to begin the names of its roles."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnusablePasswordError(Exception):
    """Only printable ASCII characters hash the same way everywhere."""

    def __init__(self, role: str) -> None:
        super().__init__(f"The password of {role} is not of printable ASCII characters.")


async def apply(conn: AsyncConnection, passwords: Mapping[str, str]) -> list[Role]:
    """Make the roles that are missing and grant each exactly what it needs; twice is once.

    `passwords` goes by service (or `reader`); a role without one keeps the one that it has, and
    a new one has none, so that only peer, certificate or trusted connections can use it.
    """
    database = str(await conn.scalar(DATABASE))
    made = [await _make(conn, database, role, passwords.get(role)) for role in ROLES]
    for role in ROLES:
        await _grant(conn, database, role)
    return made


async def _make(conn: AsyncConnection, database: str, role: str, password: str | None) -> Role:
    name = f"{database}_{role}"
    if len(name.encode()) > LONGEST_NAME:
        raise RoleNameTooLongError
    missing = not await conn.scalar(EXISTS, {"role": name})
    if missing:
        await conn.exec_driver_sql(f"CREATE ROLE {_quoted(name)} LOGIN")
    if password:
        verifier = _scram_verifier(role, password)
        await conn.exec_driver_sql(f"ALTER ROLE {_quoted(name)} LOGIN PASSWORD '{verifier}'")
    return Role(name, missing, bool(password))


async def _grant(conn: AsyncConnection, database: str, role: str) -> None:
    name = _quoted(f"{database}_{role}")
    own = [table for table, owner in OWNERS.items() if owner in {role, EVERY_SERVICE}]
    if role == READER:
        own = []
    deletable = [table for table in own if table not in NEVER_DELETED]
    sequences = [row.relname for row in await conn.execute(SEQUENCES, {"tables": own})]
    for command in (
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {name}",
        f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {name}",
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
        own and f"GRANT INSERT, UPDATE ON {_listed(own)} TO {name}",
        deletable and f"GRANT DELETE ON {_listed(deletable)} TO {name}",
        sequences and f"GRANT USAGE ON SEQUENCE {_listed(sequences)} TO {name}",
    ):
        if command:
            await conn.exec_driver_sql(command)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"public.{_quoted(name)}" for name in sorted(names))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _scram_verifier(role: str, password: str) -> str:
    """Hash the password here, as psql does, so that the server's log never shows it."""
    if not (password.isascii() and password.isprintable()):
        raise UnusablePasswordError(role)
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(b).decode() for b in (salt, stored, server))
    return f"SCRAM-SHA-256${SCRAM_ROUNDS}:{salt64}${stored64}:{server64}"
