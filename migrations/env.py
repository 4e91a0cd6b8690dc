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


def is_compared(_item: object, name: str | None, kind: str, *_: object) -> bool:
    """Leave out the index that exists only where the extension pg_trgm is available."""
    return not (kind == "index" and name == "ix_Messages_search")


def migrate(connection: Connection) -> None:
    """Run the migrations, each in a transaction of its own."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
        include_object=is_compared,
        process_revision_directives=name_after_time,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_alone() -> None:
    """Run the migrations on a new connection, for the program `alembic`."""
    async with exclusive_connection(DatabaseSettings().url) as connection:
        await connection.run_sync(migrate)


def print_statements() -> None:
    """Print the statements of migrations instead of running them (Alembic's offline mode)."""
    context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


given_connection = context.config.attributes.get("connection")
if context.is_offline_mode():
    print_statements()
elif given_connection is None:
    asyncio.run(migrate_alone())
else:
    migrate(given_connection)
