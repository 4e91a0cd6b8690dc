"""Read-only transactions that see the rows of one company, by row-level security."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.bulk import statement
from shared.db.engine import create_engine
from shared.db.errors import read_sqlstate
from shared.db.policies import quote_name, set_company
from shared.db.roles import READER, name_role
from shared.settings import DatabaseSettings
from shared.time_zones import load_zone

READ_ONLY = statement("SET TRANSACTION READ ONLY")

# Postgres' own 4 is for hard disks: it would rather read the tickets of all companies in a row than
# those of one company here and there. With less, tables that were never analyzed get worse plans.
RANDOM_PAGES = statement("SET LOCAL random_page_cost = 2")

# Row-level security may be off for a login that is an owner or a superuser.
COMPANY = statement("""
SELECT timezone, row_security_active('public."Tickets"') AS is_protected
FROM "Companies" WHERE id = :company
""")

ROLE_NOT_USABLE = ("42501", "22023")  # SQLSTATE: it may not be taken, or does not exist


class UnknownCompanyError(Exception):
    """There is no company with this id."""

    def __init__(self, company: int) -> None:
        super().__init__(f"There is no company {company}.")


class NoReaderError(Exception):
    """The login can neither read as the readers' login nor take its role."""

    def __init__(self) -> None:
        super().__init__(
            "Queries read under the readers' login, which sees one company: set DB_READER_USER "
            "and DB_READER_PASS. `chatia db roles` creates the login."
        )


@dataclass(frozen=True, slots=True)
class Reader:
    """A transaction that sees one company, and the zone of the company's days."""

    conn: AsyncConnection
    company: int
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Readers:
    """An engine for readers; `role` is taken in each transaction, if the login is another one."""

    engine: AsyncEngine
    role: str | None = None

    @asynccontextmanager
    async def read(self, company: int) -> AsyncIterator[Reader]:
        """Open a read-only transaction that sees the rows of one company.

        Raises UnknownCompanyError, and NoReaderError if row-level security would not apply.
        """
        async with self.engine.begin() as conn:
            await conn.execute(READ_ONLY)
            await conn.execute(RANDOM_PAGES)
            if self.role is not None:
                await _take_role(conn, self.role)
            await set_company(conn, company)
            row = (await conn.execute(COMPANY, {"company": company})).one_or_none()
            if row is None:
                raise UnknownCompanyError(company)
            if not row.is_protected:
                raise NoReaderError
            yield Reader(conn, company, load_zone(row.timezone))


@asynccontextmanager
async def open_readers(settings: DatabaseSettings) -> AsyncIterator[Readers]:
    """Open an engine under DB_READER_USER, else under the operator's login with the readers' role.

    It has one connection.
    """
    own = settings.for_readers
    role = None if own else name_role(settings.database, READER)
    engine = create_engine(own or settings, "chatia-query", connections=1)
    try:
        yield Readers(engine, role)
    finally:
        await engine.dispose()


async def _take_role(conn: AsyncConnection, role: str) -> None:
    try:
        await conn.exec_driver_sql(f"SET LOCAL ROLE {quote_name(role)}")
    except DBAPIError as error:
        if read_sqlstate(error) in ROLE_NOT_USABLE:
            raise NoReaderError from error
        raise
