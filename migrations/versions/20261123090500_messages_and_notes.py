"""Messages and notes.

Revision ID: 20261123090500
Revises: 20261123090400
"""

import sqlalchemy as sa
from alembic import op

revision = "20261123090500"
down_revision: str | None = "20261123090400"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _limit_waiting()
    _create_messages()
    _create_ticket_notes()


def downgrade() -> None:
    _limit_waiting()
    op.drop_table("TicketNotes")
    op.drop_table("Messages")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")


def _create_messages() -> None:
    op.create_table(
        "Messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("ack", sa.Integer(), server_default="0", nullable=False),
        sa.Column("read", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("mediaType", sa.String(255)),
        sa.Column("mediaUrl", sa.String(255)),
        sa.Column("ticketId", sa.Integer(), nullable=False),
        sa.Column("fromMe", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("isDeleted", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("contactId", sa.Integer()),
        sa.Column("remoteJid", sa.Text()),
        sa.Column("dataJson", sa.Text()),
        sa.Column("participant", sa.Text()),
        sa.Column("queueId", sa.Integer()),
        sa.Column("ticketTrakingId", sa.Integer()),
        sa.Column("quotedMsgId", sa.Integer()),
        sa.Column("wid", sa.String(255)),
        sa.Column("isPrivate", sa.Boolean(), server_default="false"),
        sa.Column("isEdited", sa.Boolean(), server_default="false"),
        sa.Column("isForwarded", sa.Boolean(), server_default="false"),
        sa.Column("messageId", sa.String(255)),
        sa.Column("whatsappId", sa.Integer(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_Messages"),
        sa.UniqueConstraint("companyId", "id", name="uq_Messages_companyId_id"),
        sa.UniqueConstraint(
            "companyId", "whatsappId", "wid", name="uq_Messages_companyId_whatsappId_wid"
        ),
        sa.CheckConstraint("ack BETWEEN -1 AND 5", name=op.f("ck_Messages_ack")),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketId"],
            ["Tickets.companyId", "Tickets.id"],
            name="fk_Messages_companyId_ticketId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_Messages_companyId_contactId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_Messages_companyId", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "queueId"],
            ["Queues.companyId", "Queues.id"],
            name="fk_Messages_companyId_queueId",
            ondelete='SET NULL ("queueId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketTrakingId"],
            ["TicketTraking.companyId", "TicketTraking.id"],
            name="fk_Messages_companyId_ticketTrakingId",
            ondelete='SET NULL ("ticketTrakingId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "quotedMsgId"],
            ["Messages.companyId", "Messages.id"],
            name="fk_Messages_companyId_quotedMsgId",
            ondelete='SET NULL ("quotedMsgId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "whatsappId"],
            ["Whatsapps.companyId", "Whatsapps.id"],
            name="fk_Messages_companyId_whatsappId",
            ondelete="CASCADE",
        ),
    )
    op.create_index("idx_messages_ticket", "Messages", ["ticketId"])
    op.create_index("idx_messages_company", "Messages", ["companyId"])
    op.create_index("idx_messages_ticket_created", "Messages", ["ticketId", "createdAt"])
    op.create_index("idx_messages_fromme", "Messages", ["fromMe"])
    op.create_index("idx_messages_read", "Messages", ["read"])
    op.create_index("idx_messages_company_fromme", "Messages", ["companyId", "fromMe"])
    op.create_index(
        "ix_Messages_ticketId_read_mark",
        "Messages",
        ["ticketId", "createdAt"],
        postgresql_where=sa.text('"fromMe" OR read'),
    )
    op.create_index(
        "ix_Messages_contactId",
        "Messages",
        ["contactId"],
        postgresql_where=sa.text('"contactId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Messages_queueId",
        "Messages",
        ["queueId"],
        postgresql_where=sa.text('"queueId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Messages_ticketTrakingId",
        "Messages",
        ["ticketTrakingId"],
        postgresql_where=sa.text('"ticketTrakingId" IS NOT NULL'),
    )
    op.create_index(
        "ix_Messages_quotedMsgId",
        "Messages",
        ["quotedMsgId"],
        postgresql_where=sa.text('"quotedMsgId" IS NOT NULL'),
    )


def _create_ticket_notes() -> None:
    op.create_table(
        "TicketNotes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("companyId", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(255), nullable=False),
        sa.Column("userId", sa.Integer()),
        sa.Column("contactId", sa.Integer(), nullable=False),
        sa.Column("ticketId", sa.Integer()),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updatedAt", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_TicketNotes"),
        sa.ForeignKeyConstraint(
            ["companyId", "userId"],
            ["Users.companyId", "Users.id"],
            name="fk_TicketNotes_companyId_userId",
            ondelete='SET NULL ("userId")',
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "contactId"],
            ["Contacts.companyId", "Contacts.id"],
            name="fk_TicketNotes_companyId_contactId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId", "ticketId"],
            ["Tickets.companyId", "Tickets.id"],
            name="fk_TicketNotes_companyId_ticketId",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["companyId"], ["Companies.id"], name="fk_TicketNotes_companyId", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_TicketNotes_companyId_contactId", "TicketNotes", ["companyId", "contactId"])
    op.create_index(
        "ix_TicketNotes_userId",
        "TicketNotes",
        ["userId"],
        postgresql_where=sa.text('"userId" IS NOT NULL'),
    )
    op.create_index(
        "ix_TicketNotes_ticketId",
        "TicketNotes",
        ["ticketId"],
        postgresql_where=sa.text('"ticketId" IS NOT NULL'),
    )
