"""The index of the search of messages, where the extension pg_trgm is available.

Revision ID: 20261202100200
Revises: 20261202100100
"""

import sqlalchemy as sa
from alembic import op

revision = "20261202100200"
down_revision: str | None = "20261202100100"
branch_labels = None
depends_on = None

# Available is what is created already, or what this user may create.
IS_AVAILABLE = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') OR EXISTS (
  SELECT FROM pg_available_extension_versions v JOIN pg_roles r ON r.rolname = current_user
  WHERE v.name = 'pg_trgm'
    AND (r.rolsuper OR v.trusted AND has_database_privilege(current_database(), 'CREATE')))
"""

# The extension may be in any schema, such as one for extensions alone.
FIND_SCHEMA = """
SELECT quote_ident(n.nspname) FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace
WHERE o.opcname = 'gin_trgm_ops'
"""


def upgrade() -> None:
    """Build the index beside writers; what a build that was broken off left is dropped first."""
    is_offline = op.get_context().as_sql
    if not is_offline and not op.get_bind().scalar(sa.text(IS_AVAILABLE)):
        return
    with op.get_context().autocommit_block():
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema = "public" if is_offline else op.get_bind().scalar(sa.text(FIND_SCHEMA))
        op.execute('DROP INDEX CONCURRENTLY IF EXISTS public."ix_Messages_search"')
        op.execute(
            'CREATE INDEX CONCURRENTLY "ix_Messages_search" ON public."Messages" '
            f"USING gin (public.searchable_text(body) {schema}.gin_trgm_ops)"
        )


def downgrade() -> None:
    """Drop the index; the extension stays, because others may use it."""
    with op.get_context().autocommit_block():
        op.execute('DROP INDEX CONCURRENTLY IF EXISTS public."ix_Messages_search"')
