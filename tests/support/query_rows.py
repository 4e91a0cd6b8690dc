"""Rows for tests of queries: few with known values, and many by generate_series."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.db.policies import quote_name, set_company
from shared.db.roles import READER
from shared.queries.query import Query, fetch
from tests.support.role_rows import login_of

T = TypeVar("T")

OURS, THEIRS = 1, 2
ZONE = ZoneInfo("America/Sao_Paulo")

# Two companies with the same names and numbers; the ids of the second begin at 500.
COMPANIES = """
INSERT INTO "Companies" (id, name) VALUES (1, 'Ours'), (2, 'Theirs');
INSERT INTO "Users" (id, "companyId", name, email, "passwordHash") VALUES
  (1, 1, 'Ana', 'ana@example.com', ''), (2, 1, 'Bia', 'bia@example.com', ''),
  (501, 2, 'Ana', 'theirs@example.com', '');
INSERT INTO "Queues" (id, "companyId", name, color) VALUES
  (1, 1, 'Vendas', 'red'), (2, 1, 'Suporte', 'blue'), (501, 2, 'Vendas', 'red');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES
  (10, 1, 'Centro'), (11, 1, 'Norte'), (510, 2, 'Centro');
INSERT INTO "Contacts" (id, "companyId", name, number) VALUES
  (100, 1, 'Rui', '5511912345678'), (101, 1, 'Eva', '551187654321'),
  (102, 1, 'Caio', '5511933330000'), (600, 2, 'Rui', '5511912345678');
INSERT INTO "Tags" (id, "companyId", name) VALUES
  (1, 1, 'VIP'), (2, 1, 'Atacado'), (501, 2, 'VIP');
"""


@dataclass(frozen=True, slots=True)
class Asking:
    """A transaction of the owner, in which queries run as a reader of a company."""

    conn: AsyncConnection
    role: str

    async def insert(self, statements: str) -> None:
        """Run statements as the owner."""
        for statement in statements.split(";"):
            if statement.strip():
                await self.conn.exec_driver_sql(statement)

    async def ask(self, query: Query[T], company: int = OURS) -> T:
        """Run a query under the readers' role and row-level security."""
        await self.conn.execute(text(f"SET LOCAL ROLE {quote_name(self.role)}"))
        await set_company(self.conn, company)
        found = await fetch(self.conn, query)
        await self.conn.execute(text("RESET ROLE"))
        return found


async def find_reader(url: str) -> str:
    """Return the role of readers of a database."""
    conn = await asyncpg.connect(url)
    role = await login_of(conn, READER)
    await conn.close()
    return role


@asynccontextmanager
async def open_asking(url: str, role: str) -> AsyncIterator[Asking]:
    """Open a transaction in a database with the two companies; everything is rolled back."""
    engine = create_async_engine(url.replace("://", "+asyncpg://", 1), poolclass=NullPool)
    async with engine.connect() as connection:
        yield Asking(connection, role)
        await connection.rollback()


# Company 1 has six of ten rows, 2 three, 3 one. Its ticket 1 has 8,000 messages, of which the
# customer's last 6,000 are unread. Tables are not analyzed by themselves: tests do that.
MANY = """
ALTER TABLE "Contacts" SET (autovacuum_enabled = off);
ALTER TABLE "Tickets" SET (autovacuum_enabled = off);
ALTER TABLE "Messages" SET (autovacuum_enabled = off);
ALTER TABLE "TicketTraking" SET (autovacuum_enabled = off);
ALTER TABLE "UserRatings" SET (autovacuum_enabled = off);
ALTER TABLE "TicketTags" SET (autovacuum_enabled = off);
SET session_replication_role = replica;
INSERT INTO "Companies" (id, name) SELECT n, 'Empresa ' || n FROM generate_series(1, 3) AS n;
INSERT INTO "Users" (id, "companyId", name, email, "passwordHash")
SELECT n, 1 + n % 3, 'Pessoa ' || n, n || '@example.com', '' FROM generate_series(1, 30) AS n;
INSERT INTO "Queues" (id, "companyId", name, color)
SELECT n, 1 + n % 3, 'Fila ' || n, 'red' FROM generate_series(1, 15) AS n;
INSERT INTO "Whatsapps" (id, "companyId", name)
SELECT n, 1 + n % 3, 'Linha ' || n FROM generate_series(1, 9) AS n;
INSERT INTO "Tags" (id, "companyId", name)
SELECT n, 1 + n % 3, 'Etiqueta ' || n FROM generate_series(1, 30) AS n;
INSERT INTO "Contacts" (id, "companyId", name, number)
SELECT n, CASE WHEN n % 10 < 6 THEN 1 WHEN n % 10 < 9 THEN 2 ELSE 3 END,
       'Contato ' || n * 7919 % 20000, '55119' || 60000000 + n
FROM generate_series(1, 20000) AS n;
INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", "userId", "queueId", status,
                       "unreadMessages", "createdAt", "updatedAt")
SELECT c.id, c."companyId", c.id, 2 + (c."companyId" - 1) + 3 * (c.id / 10 % 2),
       2 + (c."companyId" - 1) + 3 * (c.id / 10 % 9), 2 + (c."companyId" - 1) + 3 * (c.id / 10 % 4),
       CASE WHEN c.id % 20 < 2 THEN 'open' WHEN c.id % 40 = 3 THEN 'pending' ELSE 'closed' END,
       CASE WHEN c.id % 30 < 2 THEN 3 ELSE 0 END,
       at - interval '3 hours', at
FROM "Contacts" c
CROSS JOIN LATERAL (
  SELECT timestamptz '2026-11-30 15:00+00' - c.id * 7907 % 20000 * interval '7 minutes'
) AS w(at);
INSERT INTO "TicketTags" ("companyId", "ticketId", "tagId")
SELECT "companyId", id, 2 + ("companyId" - 1) + 3 * (id / 10 % 9) FROM "Tickets" WHERE id % 4 = 0;
INSERT INTO "TicketTraking" (id, "companyId", "ticketId", "whatsappId", "userId", "queueId",
                             "createdAt", "startedAt", "finishedAt")
SELECT id, "companyId", id, "whatsappId", "userId", "queueId", "createdAt",
       "createdAt" + interval '10 minutes', "createdAt" + interval '1 hour'
FROM "Tickets";
INSERT INTO "UserRatings" ("companyId", "ticketId", "userId", rate, "createdAt")
SELECT "companyId", id, "userId", id % 11, "updatedAt" FROM "Tickets" WHERE id % 2 = 1;
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body, "fromMe",
                        read, "createdAt")
SELECT n, t."companyId", t."whatsappId", t.id, t."contactId", 'W' || n,
       CASE WHEN n % 5000 = 0 THEN 'NÃO CHEGOU ' ELSE 'Tudo certo com o pedido ' END || n,
       n % 2 = 0, n % 2 = 0, t."createdAt" + n % 3 * interval '20 minutes'
FROM generate_series(1, 16000) AS n JOIN "Tickets" t ON t.id = 1 + n * 7 % 20000;
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body, "fromMe",
                        read, "createdAt")
SELECT 30000 + n, 1, t."whatsappId", 1, 1, 'L' || n, 'Recado ' || n, n = 2000, n <= 2000,
       t."createdAt" + n / 3 * interval '1 second'
FROM generate_series(1, 8000) AS n, "Tickets" t WHERE t.id = 1;
SET session_replication_role = origin;
"""
