"""Logs the database role of this process, with a warning if it has too many rights."""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement

log = structlog.get_logger("chatia.database")

ROLE = statement("""
SELECT current_user::text AS role, pg_has_role(c.relowner, 'USAGE') AS is_above
FROM pg_class c WHERE c.oid = 'public."Deployment"'::regclass
""")


async def log_role(conn: AsyncConnection) -> None:
    """Log the role of this process, as a warning if it owns the tables."""
    login = (await conn.execute(ROLE)).one()
    if login.is_above:
        log.warning(
            "database.role",
            role=login.role,
            may="write every table: run `chatia db roles`, and log in as the service's own role",
        )
    else:
        log.info("database.role", role=login.role)
