"""Runs the migrations for Alembic: on the connection from `shared.db.migrations`, or its own."""

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
    """Set the ids of new revisions to the current time, so that their files sort."""
    for script in scripts:
        script.rev_id = datetime.now(UTC).strftime("%Y%m%d%H%M%S")


def migrate(connection: Connection) -> None:
    """Run the migrations, each in a transaction of its own."""
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
    """Run the migrations on a new connection, for the program `alembic`."""
    async with exclusive_connection(DatabaseSettings().url) as connection:
        await connection.run_sync(migrate)


given_connection = context.config.attributes.get("connection")
if given_connection is None:
    asyncio.run(migrate_alone())
else:
    migrate(given_connection)
