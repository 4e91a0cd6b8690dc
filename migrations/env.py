"""What Alembic runs: on the connection that `shared.db.migrations` hands in, else on its own."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from alembic import context
from alembic.operations import MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from shared.db.migrations import exclusive_connection
from shared.schema import metadata
from shared.settings import DatabaseSettings


def name_after_time(
    _context: MigrationContext, _revision: object, scripts: Iterable[MigrationScript]
) -> None:
    """Name new revisions after the time at which they were written, so that files sort."""
    for script in scripts:
        script.rev_id = datetime.now(UTC).strftime("%Y%m%d%H%M%S")


def migrate(connection: Connection) -> None:
    """Run each migration in a transaction of its own."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
        process_revision_directives=name_after_time,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_alone() -> None:
    """Connect as the environment says, when the program `alembic` was called directly."""
    async with exclusive_connection(DatabaseSettings().url) as connection:
        await connection.run_sync(migrate)


handed_in = context.config.attributes.get("connection")
if handed_in is None:
    asyncio.run(migrate_alone())
else:
    migrate(handed_in)
