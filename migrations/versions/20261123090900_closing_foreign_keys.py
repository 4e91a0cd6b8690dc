"""The keys that close circles of tables.

Revision ID: 20261123090900
Revises: 20261123090800
"""

from alembic import op

revision = "20261123090900"
down_revision: str | None = "20261123090800"
branch_labels = None
depends_on = None

CLOSING = (
    ("Users", "whatsappId", "Whatsapps"),
    ("Queues", "integrationId", "QueueIntegrations"),
    ("Queues", "fileListId", "Files"),
    ("Whatsapps", "promptId", "Prompts"),
    ("Whatsapps", "integrationId", "QueueIntegrations"),
    ("Whatsapps", "flowIdNotPhrase", "FlowBuilders"),
    ("Whatsapps", "flowIdWelcome", "FlowBuilders"),
    ("Tickets", "integrationId", "QueueIntegrations"),
)
PARENT_COMPANY = {"FlowBuilders": "company_id"}


def upgrade() -> None:
    _limit_waiting()
    for table, column, parent in CLOSING:
        op.create_foreign_key(
            _name(table, column),
            table,
            parent,
            ["companyId", column],
            [PARENT_COMPANY.get(parent, "companyId"), "id"],
            ondelete=f'SET NULL ("{column}")',
        )


def downgrade() -> None:
    _limit_waiting()
    for table, column, _ in reversed(CLOSING):
        op.drop_constraint(_name(table, column), table, type_="foreignkey")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _name(table: str, column: str) -> str:
    return f"fk_{table}_companyId_{column}"
