"""The login roles of the services and of readers, with grants that follow from the table owners.

Readers see the rows of one company (`shared.db.policies`) and no secrets. Roles belong to the whole
cluster, so their names begin with the database's name. A command creates them, not a migration;
run it again after every upgrade.
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
from shared.db.policies import quote_name
from shared.db.purged import (
    FORGET_SEED_ROWS,
    PURGE_OLD_TICKETS,
    PURGE_ROWS,
    PURGED_TABLES,
    list_purge_roots,
)
from shared.schema import EVERY_SERVICE, OWNERS, SERVICES, metadata
from shared.schema.secret_columns import SECRETS
from shared.settings import DatabaseSettings

READER: Final = "reader"
ROLES: Final = (*SERVICES, READER)

SEARCH: Final = "public.search_messages(text, integer)"

LOCK_TIMEOUT: Final = "5s"  # short: workers queue behind a waiting lock request
MAX_NAME_BYTES: Final = 63  # of a Postgres identifier
SCRAM_ROUNDS: Final = 4096

MAY_LOG_IN = statement("SELECT rolcanlogin FROM pg_roles WHERE rolname = :role")
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
    """A role, and what the command changed of it; `was_locked`: it was NOLOGIN."""

    name: str
    created: bool
    has_new_password: bool
    was_locked: bool = False


class RoleNameTooLongError(Exception):
    """The database's name is too long to begin the names of its roles."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnusablePasswordError(Exception):
    """A role's password has other characters than printable ASCII, which SASLprep may change."""

    def __init__(self, role: str) -> None:
        super().__init__(f"The password of {role} is not of printable ASCII characters.")


async def apply(conn: AsyncConnection, passwords: Mapping[str, str]) -> list[Role]:
    """Create the missing roles, let each log in, and set its grants; again it changes nothing.

    `passwords` are by service (or `reader`). A role without one keeps its password; a new role
    without one can only log in by peer, certificate or trust authentication.
    """
    await conn.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    database = str(await conn.scalar(DATABASE))
    result = [await _create(conn, database, role, passwords.get(role)) for role in ROLES]
    services = {service: name_role(database, service) for service in SERVICES}
    await policies.apply(conn, name_role(database, READER), services)
    for role in ROLES:
        await _grant(conn, database, role)
    return result


def name_role(database: str, role: str) -> str:
    """Return the name of the login role of a service, or of readers, in a database."""
    return f"{database}_{role}"


def build_environment(
    database: DatabaseSettings, service: str, passwords: Mapping[str, str]
) -> dict[str, str]:
    """Return the DATABASE_URL of a service's role; empty if its password is not known."""
    if service not in passwords:
        return {}
    own = database.with_login(name_role(database.database, service), passwords[service])
    return {"DATABASE_URL": own.url}


async def _create(conn: AsyncConnection, database: str, role: str, password: str | None) -> Role:
    name = name_role(database, role)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise RoleNameTooLongError
    may_log_in = await conn.scalar(MAY_LOG_IN, {"role": name})
    missing, was_locked = may_log_in is None, may_log_in is False
    if missing:
        await conn.exec_driver_sql(f"CREATE ROLE {quote_name(name)} LOGIN")
    if was_locked:
        await conn.exec_driver_sql(f"ALTER ROLE {quote_name(name)} LOGIN")
    if password:
        verifier = _build_scram_verifier(role, password)
        await conn.exec_driver_sql(f"ALTER ROLE {quote_name(name)} LOGIN PASSWORD '{verifier}'")
    return Role(name, missing, bool(password), was_locked)


async def _grant(conn: AsyncConnection, database: str, role: str) -> None:
    name = quote_name(name_role(database, role))
    for command in (
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {name}",
        f"GRANT CONNECT ON DATABASE {quote_name(database)} TO {name}",
        f"GRANT USAGE ON SCHEMA public TO {name}",
    ):
        await conn.exec_driver_sql(command)
    if role == READER:
        grants = list(_list_reader_grants())
    else:
        own = list_own_tables(role)
        sequences = [row.relname for row in await conn.execute(SEQUENCES, {"tables": own})]
        grants = [*_list_service_grants(role, sequences), *_list_purge_grants(role)]
    for grant in grants:
        await conn.exec_driver_sql(f"GRANT {grant} TO {name}")


def list_own_tables(service: str) -> list[str]:
    """Return the tables that a service may insert into and update."""
    return [
        table
        for table, owner in OWNERS.items()
        if owner in {service, EVERY_SERVICE} and table not in policies.PURGE_TABLES
    ]


def list_deletable_tables(service: str) -> list[str]:
    """Return the tables from which a service may delete rows itself, not only by purges."""
    return [table for table in list_own_tables(service) if table not in PURGED_TABLES]


def _list_service_grants(service: str, sequences: list[str]) -> Iterator[str]:
    yield "SELECT ON ALL TABLES IN SCHEMA public"
    yield f"INSERT, UPDATE ON {_list_tables(list_own_tables(service))}"
    yield f"DELETE ON {_list_tables(list_deletable_tables(service))}"
    if sequences:
        yield f"USAGE ON SEQUENCE {_list_tables(sequences)}"


def _list_purge_grants(service: str) -> Iterator[str]:
    """Yield the grants that purges need; policies limit which rows a service may purge."""
    if list_purge_roots(service):
        yield f"INSERT ON {_list_tables(('Purges', 'PurgedRows'))}"
        yield f"EXECUTE ON FUNCTION {PURGE_ROWS}"
    if OWNERS["Tickets"] == service:
        yield f"EXECUTE ON FUNCTION {PURGE_OLD_TICKETS}"
    progress = 'done, removed, "finishedAt", "reachedAt", "reachedId"'
    yield f"UPDATE ({progress}) ON {_list_tables(['Purges'])}"
    if OWNERS["Companies"] == service:
        yield f"DELETE ON {_list_tables(('Purges', 'PurgedRows'))}"
        yield f"EXECUTE ON FUNCTION {FORGET_SEED_ROWS}"


def _list_reader_grants() -> Iterator[str]:
    readable = [table for table in metadata.sorted_tables if policies.is_readable(table)]
    yield f"SELECT ON {_list_tables(t.name for t in readable if t.name not in SECRETS)}"
    for table in readable:
        if hidden := SECRETS.get(table.name):
            shown = (quote_name(each.name) for each in table.columns if each.name not in hidden)
            yield f"SELECT ({', '.join(shown)}) ON {_list_tables([table.name])}"
    yield f"EXECUTE ON FUNCTION {SEARCH}"


def _list_tables(names: Iterable[str]) -> str:
    return ", ".join(f"public.{quote_name(name)}" for name in sorted(names))


def _build_scram_verifier(role: str, password: str) -> str:
    """Return the SCRAM verifier of a password, computed here so that no server log shows it."""
    if not (password.isascii() and password.isprintable()):
        raise UnusablePasswordError(role)
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(b).decode() for b in (salt, stored, server))
    return f"SCRAM-SHA-256${SCRAM_ROUNDS}:{salt64}${stored64}:{server64}"
