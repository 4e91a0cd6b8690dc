"""Changes of messages that wait, edits, failed sends, reactions, lines' states, LIDs' numbers.

Revision ID: 20261126100200
Revises: 20261126100100
"""

import sqlalchemy as sa
from alembic import op

revision = "20261126100200"
down_revision: str | None = "20261126100100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_awaited_changes()
    _create_message_marks()
    _create_reactions()
    _create_line_states()
    _create_lid_numbers()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("LidNumbers")
    op.drop_table("LineStates")
    op.drop_table("Reactions")
    op.drop_table("MessageMarks")
    op.drop_table("AwaitedChanges")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_awaited_changes() -> None:
    op.create_table(
        "AwaitedChanges",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("wid", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_AwaitedChanges"),
        sa.UniqueConstraint(
            "companyId", "whatsappId", "wid", "digest",
            name="uq_AwaitedChanges_companyId_whatsappId_wid_digest",
        ),
        _of_parent("AwaitedChanges", "whatsappId", "Whatsapps"),
    )  # fmt: skip
    op.create_index("ix_AwaitedChanges_createdAt", "AwaitedChanges", ["createdAt"])


def _create_message_marks() -> None:
    op.create_table(
        "MessageMarks",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("messageId", sa.Integer(), nullable=False),
        sa.Column("editedAt", sa.DateTime(timezone=True)),
        sa.Column("errorCode", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("companyId", "messageId", name="pk_MessageMarks"),
        _of_parent("MessageMarks", "messageId", "Messages"),
    )


def _create_reactions() -> None:
    op.create_table(
        "Reactions",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("messageId", sa.Integer(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column("reactedAt", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("companyId", "messageId", "author", name="pk_Reactions"),
        _of_parent("Reactions", "messageId", "Messages"),
    )


def _create_line_states() -> None:
    op.create_table(
        "LineStates",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column("changedAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("companyId", "whatsappId", name="pk_LineStates"),
        _of_parent("LineStates", "whatsappId", "Whatsapps"),
    )


def _create_lid_numbers() -> None:
    op.create_table(
        "LidNumbers",
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("lid", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("companyId", "lid", name="pk_LidNumbers"),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_LidNumbers_companyId", ondelete="CASCADE"
        ),
    )


def _of_parent(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["companyId", column],
        [f"{parent}.companyId", f"{parent}.id"],
        name=f"fk_{table}_companyId_{column}",
        ondelete="CASCADE",
    )
