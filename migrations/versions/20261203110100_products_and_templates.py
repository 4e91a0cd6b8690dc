"""Products of contacts, and message templates as the back office has them.

Revision ID: 20261203110100
Revises: 20261203100100

Templates get an id; what was their primary key stays unique. The table has a few rows for each
line, so its rewrite is an instant.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261203110100"
down_revision: str | None = "20261203100100"
branch_labels = None
depends_on = None

TEMPLATES = "MessageTemplates"
TEMPLATE_KEY = ["companyId", "whatsappId", "name", "language"]
TEMPLATE_COLUMNS = ("createdAt", "category", "components", "buttons", "metaTemplateId")


def upgrade() -> None:
    _limit_waiting()
    _change_templates()
    op.create_table(
        "ContactProducts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("contactId", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("status", sa.String(30), server_default="pending", nullable=False),
        _moment("createdAt"),
        _moment("updatedAt"),
        sa.PrimaryKeyConstraint("id", name="pk_ContactProducts"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_ContactProducts_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_ContactProducts_companyId_contactId",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_ContactProducts_companyId_contactId", "ContactProducts", ["companyId", "contactId"]
    )


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("ContactProducts")
    op.drop_constraint(f"fk_{TEMPLATES}_companyId", TEMPLATES)
    op.drop_constraint(f"pk_{TEMPLATES}", TEMPLATES)
    op.drop_constraint(_name_key(), TEMPLATES)
    op.create_primary_key(f"pk_{TEMPLATES}", TEMPLATES, TEMPLATE_KEY)
    op.alter_column(TEMPLATES, "status", server_default=None)
    for column in ("id", *TEMPLATE_COLUMNS):
        op.drop_column(TEMPLATES, column)


def _change_templates() -> None:
    op.execute(f'ALTER TABLE "{TEMPLATES}" ADD COLUMN id SERIAL NOT NULL')
    for column in (
        _moment("createdAt"),
        sa.Column("category", sa.String(50)),
        sa.Column("components", postgresql.JSONB()),
        sa.Column("buttons", postgresql.JSONB()),
        sa.Column("metaTemplateId", sa.String(255)),
    ):
        op.add_column(TEMPLATES, column)
    op.alter_column(TEMPLATES, "status", server_default="PENDING")
    op.drop_constraint(f"pk_{TEMPLATES}", TEMPLATES)
    op.create_primary_key(f"pk_{TEMPLATES}", TEMPLATES, ["id"])
    op.create_unique_constraint(_name_key(), TEMPLATES, TEMPLATE_KEY)
    op.create_foreign_key(
        f"fk_{TEMPLATES}_companyId",
        TEMPLATES,
        "Companies",
        ["companyId"],
        ["id"],
        ondelete="CASCADE",
    )


def _name_key() -> str:
    return f"uq_{TEMPLATES}_{'_'.join(TEMPLATE_KEY)}"


def _moment(name: str) -> sa.Column[sa.DateTime]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
