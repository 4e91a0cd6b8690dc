"""The login roles of the services and of readers: who may write what follows from the owners.

Readers see the rows of one company (`shared.db.policies`) and no secrets.

Roles belong to the whole cluster, so their names begin with the database's. They are made by a
command and not by a migration; run it again after every upgrade.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import policies
from shared.db.bulk import statement
from shared.db.policies import quoted
from shared.db.purged import FORGET_SEED_ROWS, PURGE_ROWS, PURGED, begun_by
from shared.schema import EVERY_SERVICE, OWNERS, SERVICES, metadata
from shared.schema.secret_columns import SECRETS
from shared.settings import DatabaseSettings

READER: Final = "reader"
ROLES: Final = (*SERVICES, READER)

SEARCH: Final = "public.search_messages(text, integer)"

LOCK_TIMEOUT: Final = "5s"  # who works on the tables goes first
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
    await conn.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    database = str(await conn.scalar(DATABASE))
    made = [await _make(conn, database, role, passwords.get(role)) for role in ROLES]
    services = {service: login(database, service) for service in SERVICES}
    await policies.apply(conn, login(database, READER), services)
    for role in ROLES:
        await _grant(conn, database, role)
    return made


def login(database: str, role: str) -> str:
    """Name the role of a service, or of readers, as which one logs in to a database."""
    return f"{database}_{role}"


def environment(
    database: DatabaseSettings, service: str, passwords: Mapping[str, str]
) -> dict[str, str]:
    """Tell a worker as whom to log in; nothing where its role's password is not known."""
    if service not in passwords:
        return {}
    own = database.logged_in_as(login(database.database, service), passwords[service])
    return {"DATABASE_URL": own.url}


async def _make(conn: AsyncConnection, database: str, role: str, password: str | None) -> Role:
    name = login(database, role)
    if len(name.encode()) > LONGEST_NAME:
        raise RoleNameTooLongError
    missing = not await conn.scalar(EXISTS, {"role": name})
    if missing:
        await conn.exec_driver_sql(f"CREATE ROLE {quoted(name)} LOGIN")
    if password:
        verifier = _scram_verifier(role, password)
        await conn.exec_driver_sql(f"ALTER ROLE {quoted(name)} LOGIN PASSWORD '{verifier}'")
    return Role(name, missing, bool(password))


async def _grant(conn: AsyncConnection, database: str, role: str) -> None:
    name = quoted(login(database, role))
    for command in (
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {name}",
        f"GRANT CONNECT ON DATABASE {quoted(database)} TO {name}",
        f"GRANT USAGE ON SCHEMA public TO {name}",
    ):
        await conn.exec_driver_sql(command)
    if role == READER:
        grants = list(_reading())
    else:
        own = [
            table
            for table, owner in OWNERS.items()
            if owner in {role, EVERY_SERVICE} and table not in policies.BEGUN_BY_SOME
        ]
        sequences = [row.relname for row in await conn.execute(SEQUENCES, {"tables": own})]
        grants = [*_working(own, sequences), *_purging(role)]
    for grant in grants:
        await conn.exec_driver_sql(f"GRANT {grant} TO {name}")


def _working(own: list[str], sequences: list[str]) -> Iterator[str]:
    yield "SELECT ON ALL TABLES IN SCHEMA public"
    yield f"INSERT, UPDATE ON {_listed(own)}"
    yield f"DELETE ON {_listed(table for table in own if table not in PURGED)}"
    if sequences:
        yield f"USAGE ON SEQUENCE {_listed(sequences)}"


def _purging(service: str) -> Iterator[str]:
    """Grant a service its part in purges; which rows it may put under purge, its policies say."""
    if begun_by(service):
        yield f"INSERT ON {_listed(('Purges', 'PurgedRows'))}"
        yield f"EXECUTE ON FUNCTION {PURGE_ROWS}"
    yield f'UPDATE (done, removed, "finishedAt") ON {_listed(["Purges"])}'
    if OWNERS["Companies"] == service:
        yield f"DELETE ON {_listed(('Purges', 'PurgedRows'))}"
        yield f"EXECUTE ON FUNCTION {FORGET_SEED_ROWS}"


def _reading() -> Iterator[str]:
    readable = [table for table in metadata.sorted_tables if policies.is_readable(table)]
    yield f"SELECT ON {_listed(t.name for t in readable if t.name not in SECRETS)}"
    for table in readable:
        if hidden := SECRETS.get(table.name):
            shown = (quoted(each.name) for each in table.columns if each.name not in hidden)
            yield f"SELECT ({', '.join(shown)}) ON {_listed([table.name])}"
    yield f"EXECUTE ON FUNCTION {SEARCH}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"public.{quoted(name)}" for name in sorted(names))


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
