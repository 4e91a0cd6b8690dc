# ruff: noqa: S608 - only constants are put into the SQL
"""SQL of `chatia users` and `chatia companies`."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli.errors import InvalidUsageError, RefusedError
from shared.db.bulk import statement
from shared.db.purged import exclude_purged
from shared.seeds.rows import PasswordTooLongError, hash_password, insert_settings_of

# No password has this hash, and the schema has no column for a user who may not log in.
DISABLED: Final = "!"
MIN_PASSWORD_LENGTH: Final = 8

LIST_USERS = statement(f"""
SELECT u.id AS user, u."companyId" AS company, u.name, u.email, u.profile, u.super,
       u."passwordHash" = '{DISABLED}' AS disabled
FROM "Users" u
WHERE u."companyId" = COALESCE(CAST(:company AS int), u."companyId")
  AND {exclude_purged("Users", "u")}
ORDER BY u."companyId", u.id
""")

FIND_USER = statement(f"""
SELECT u.id, u."companyId", u.email FROM "Users" u
WHERE (CAST(u.id AS text) = :name OR lower(u.email) = lower(:name))
  AND {exclude_purged("Users", "u")}
ORDER BY CAST(u.id AS text) = :name DESC, u.email = :name DESC, u.id LIMIT 1
""")

# A higher tokenVersion revokes the refresh tokens of the user's sessions.
SET_PASSWORD = statement("""
UPDATE "Users" SET "passwordHash" = :password_hash, "tokenVersion" = "tokenVersion" + 1,
  "resetPasswordToken" = NULL, "resetPasswordExpires" = NULL,
  "passwordResetToken" = NULL, "passwordResetExpires" = NULL,
  "updatedAt" = GREATEST(clock_timestamp(), "updatedAt" + interval '1 microsecond')
WHERE id = :id AND "companyId" = :company
""")

LIST_COMPANIES = statement(f"""
SELECT c.id AS company, c.name, c.status AS active, p.name AS plan,
       (SELECT count(*) FROM "Users" u WHERE u."companyId" = c.id) AS users,
       p.users AS "mostUsers",
       (SELECT count(*) FROM "Whatsapps" w WHERE w."companyId" = c.id) AS lines,
       p.connections AS "mostLines", c."dueDate"
FROM "Companies" c LEFT JOIN "Plans" p ON p.id = c."planId"
WHERE {exclude_purged("Companies", "c")}
ORDER BY c.id
""")

PLANS = statement('SELECT id, name FROM "Plans" ORDER BY id')

COMPANY_OF_NAME = statement('SELECT id FROM "Companies" WHERE name = :name')

INSERT_COMPANY = statement("""
INSERT INTO "Companies" (name, email, phone, status, "planId", "dueDate")
VALUES (:name, :email, :phone, true, :plan, now() + interval '365 days')
ON CONFLICT (name) DO NOTHING RETURNING id
""")

INSERT_ADMIN = statement("""
INSERT INTO "Users" (name, email, "passwordHash", profile, "companyId")
VALUES (:name, :email, :password_hash, 'admin', :company) RETURNING id
""")


class FoundUser(NamedTuple):
    """A user, of any company."""

    id: int
    company_id: int
    email: str


class NewCompany(NamedTuple):
    """A company to create, with its first user; `plan` is the name or the id of a plan."""

    name: str
    plan: str | None
    admin_name: str
    admin_email: str
    phone: str | None


async def list_users(conn: AsyncConnection, company: int | None) -> list[Mapping[str, Any]]:
    """Return all users, or those of a company."""
    return [dict(row) for row in (await conn.execute(LIST_USERS, {"company": company})).mappings()]


async def find_user(conn: AsyncConnection, name: str) -> FoundUser:
    """Return the user with this id or e-mail address; raises InvalidUsageError."""
    row = (await conn.execute(FIND_USER, {"name": name})).one_or_none()
    if row is None:
        raise InvalidUsageError(f"There is no user {name}; `chatia users list` shows all.")
    return FoundUser(*row)


async def set_password(conn: AsyncConnection, user: FoundUser, password_hash: str) -> None:
    """Replace the password hash of a user, and end the sessions and password resets."""
    values = {"id": user.id, "company": user.company_id, "password_hash": password_hash}
    await conn.execute(SET_PASSWORD, values)


def hash_checked(password: str) -> str:
    """Return the hash of a password; raises InvalidUsageError if it is too short or too long."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise InvalidUsageError(f"A password has at least {MIN_PASSWORD_LENGTH} characters.")
    try:
        return hash_password(password)
    except PasswordTooLongError as error:
        raise InvalidUsageError(str(error)) from error


async def list_companies(conn: AsyncConnection) -> list[Mapping[str, Any]]:
    """Return all companies, with their plans and how many users and lines they have."""
    return [dict(row) for row in (await conn.execute(LIST_COMPANIES)).mappings()]


async def find_plan(conn: AsyncConnection, plan: str | None) -> int | None:
    """Return the id of a plan; without one that of the only plan, or None if there is none."""
    plans = {row.name: row.id for row in await conn.execute(PLANS)}
    if plan is None and len(plans) <= 1:
        return next(iter(plans.values()), None)
    found = [number for name, number in plans.items() if plan in {name, str(number)}]
    if not found:
        listed = ", ".join(plans) or "none"
        problem = "Name a plan with --plan" if plan is None else f"There is no plan {plan}"
        raise InvalidUsageError(f"{problem}; there are: {listed}.")
    return int(found[0])


async def insert_company(
    conn: AsyncConnection, company: NewCompany, password_hash: str
) -> tuple[int, int]:
    """Insert a company with its settings and its first user, an administrator; return their ids.

    Raises RefusedError if the name or the e-mail address is taken.
    """
    values = {"name": company.name, "email": company.admin_email, "phone": company.phone}
    plan = await find_plan(conn, company.plan)
    if other := (await conn.execute(FIND_USER, {"name": company.admin_email})).one_or_none():
        raise RefusedError(
            f"User {other.id} of company {other.companyId} has the e-mail address {other.email}: "
            "choose another one, since it is the login."
        )
    company_id = await conn.scalar(INSERT_COMPANY, values | {"plan": plan})
    if company_id is None:
        taken = await conn.scalar(COMPANY_OF_NAME, {"name": company.name})
        raise RefusedError(f"Company {taken} is called {company.name}: choose another name.")
    await insert_settings_of(conn, company_id)
    admin = {
        "name": company.admin_name,
        "email": company.admin_email,
        "password_hash": password_hash,
        "company": company_id,
    }
    return company_id, (await conn.execute(INSERT_ADMIN, admin)).scalar_one()
