"""The rows of each seed; a row whose natural key exists is left as it is."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import bcrypt
from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement

BCRYPT_COST: Final = 10
MAX_PASSWORD_BYTES: Final = 72  # the limit of bcrypt

INSERT_PLAN = statement("""
INSERT INTO "Plans" (name, users, connections, queues, amount)
VALUES ('Plano 1', 10, 10, 10, '100')
ON CONFLICT (name) DO NOTHING RETURNING id
""")

INSERT_COMPANY = statement("""
INSERT INTO "Companies" (name, email, phone, status, "planId", "dueDate")
SELECT 'Empresa 1', 'admin@admin.com', '5511999999999', true, id, now() + interval '365 days'
FROM "Plans" WHERE name = 'Plano 1'
ON CONFLICT (name) DO NOTHING RETURNING id
""")

INSERT_SETTINGS = statement("""
INSERT INTO "Settings" (key, value)
VALUES ('userCreation', 'enabled'), ('CheckMsgIsGroup', 'enabled'),
       ('acceptCallWhatsapp', 'disabled'), ('chatBotType', 'text')
ON CONFLICT ("companyId", key) DO NOTHING RETURNING id
""")

# The company of the first seed, whatever its name is now; else the oldest.
COMPANY = statement("""
SELECT c.id FROM "Companies" c
LEFT JOIN "SeedRows" s ON s."tableName" = 'Companies' AND s."rowId" = c.id
ORDER BY s.seed IS NULL, c.id LIMIT 1
""")

EMAIL_IS_TAKEN = statement("""
SELECT EXISTS (SELECT FROM "Users" WHERE email = 'admin@admin.com')
""")

INSERT_ADMINISTRATOR = statement("""
INSERT INTO "Users" (name, email, "passwordHash", profile, "companyId", super)
VALUES ('Administrador', 'admin@admin.com', :password_hash, 'admin', :company_id, true)
ON CONFLICT (email) DO NOTHING RETURNING id
""")

# "hoursCloseTicketsAuto": this large value means never.
INSERT_COMPANY_SETTINGS = statement("""
INSERT INTO "CompaniesSettings"
  ("companyId", "hoursCloseTicketsAuto", "chatBotType", "acceptCallWhatsapp", "userRandom",
   "sendGreetingMessageOneQueues", "sendSignMessage", "sendFarewellWaitingTicket", "userRating",
   "sendGreetingAccepted", "CheckMsgIsGroup", "sendQueuePosition", "scheduleType",
   "acceptAudioMessageContact", "enableLGPD", "requiredTag", "lgpdDeleteMessage",
   "lgpdHideNumber", "lgpdConsent")
VALUES (:company_id, '9999999999', 'text', 'disabled', 'disabled',
        'disabled', 'enabled', 'disabled', 'disabled',
        'disabled', 'enabled', 'disabled', 'disabled',
        'enabled', 'disabled', 'disabled', 'disabled',
        'disabled', 'disabled')
ON CONFLICT ("companyId") DO NOTHING RETURNING id
""")

SUPER_ADMINISTRATOR_EXISTS = statement("""
SELECT EXISTS (SELECT FROM "Users" WHERE super)
""")

PROMOTE_ADMINISTRATOR = statement("""
UPDATE "Users" SET super = true, "updatedAt" = now() WHERE email = 'admin@admin.com'
""")


class Row(NamedTuple):
    """A row that a seed inserted."""

    table: str
    id: int


class SeedError(Exception):
    """A seed cannot be inserted; the docstring of a subclass is the message."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class NoCompanyError(SeedError):
    """There is no company yet: insert the seed 20200904070003-create-default-company first."""


class PasswordTooLongError(SeedError):
    """The password is longer than the 72 bytes that bcrypt takes."""


async def insert_company(conn: AsyncConnection, _password: str) -> list[Row]:
    """Insert a plan, and a company with it."""
    plans = await _insert(conn, "Plans", INSERT_PLAN)
    return plans + await _insert(conn, "Companies", INSERT_COMPANY)


async def insert_settings(conn: AsyncConnection, _password: str) -> list[Row]:
    """Insert the platform's four settings."""
    return await _insert(conn, "Settings", INSERT_SETTINGS)


async def insert_user(conn: AsyncConnection, password: str) -> list[Row]:
    """Insert the administrator, who is a super user."""
    if await conn.scalar(EMAIL_IS_TAKEN):
        return []
    company_id = await _find_company(conn)
    parameters = {"company_id": company_id, "password_hash": hash_password(password)}
    return await _insert(conn, "Users", INSERT_ADMINISTRATOR, parameters)


async def insert_companies_settings(conn: AsyncConnection, _password: str) -> list[Row]:
    """Insert the settings of the default company."""
    return await insert_settings_of(conn, await _find_company(conn))


async def insert_settings_of(conn: AsyncConnection, company_id: int) -> list[Row]:
    """Insert the settings that a new company begins with, if it has none."""
    parameters = {"company_id": company_id}
    return await _insert(conn, "CompaniesSettings", INSERT_COMPANY_SETTINGS, parameters)


async def insert_super_admin(conn: AsyncConnection, password: str) -> list[Row]:
    """Make the administrator a super user if there is none, or insert one."""
    if await conn.scalar(SUPER_ADMINISTRATOR_EXISTS):
        return []
    await conn.execute(PROMOTE_ADMINISTRATOR)
    return await insert_user(conn, password)


async def _find_company(conn: AsyncConnection) -> int:
    company_id: int | None = await conn.scalar(COMPANY)
    if company_id is None:
        raise NoCompanyError
    return company_id


def hash_password(password: str) -> str:
    """Return the bcrypt hash of a password; raises PasswordTooLongError."""
    secret = password.encode()
    if len(secret) > MAX_PASSWORD_BYTES:
        raise PasswordTooLongError
    return bcrypt.hashpw(secret, bcrypt.gensalt(BCRYPT_COST)).decode()


async def _insert(
    conn: AsyncConnection,
    table: str,
    sql: TextClause,
    parameters: Mapping[str, object] | None = None,
) -> list[Row]:
    rows = await conn.execute(sql, parameters or {})
    return [Row(table, row.id) for row in rows]
