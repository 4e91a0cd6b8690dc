"""As whom one logs in to the database, and whether that is more than one needs."""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement

log = structlog.get_logger("chatia.database")

WHO = statement("""
SELECT current_user::text AS role, pg_has_role(c.relowner, 'USAGE') AS is_above
FROM pg_class c WHERE c.oid = 'public."Deployment"'::regclass
""")


async def tell_role(conn: AsyncConnection) -> None:
    """Log the role that this process has; one that is above all grants is worth a warning."""
    who = (await conn.execute(WHO)).one()
    if who.is_above:
        log.warning(
            "database.role",
            role=who.role,
            may="write every table: run `chatia db roles`, and log in as the service's own role",
        )
    else:
        log.info("database.role", role=who.role)
