"""The internal tables of sending: sends, and the rates of lines."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import (
    Base,
    BigInt,
    Jsonb,
    LongText,
    Now,
    Off,
    Zero,
    belongs_to,
    index_where_set,
    refers_to,
    unique,
)


class Send(Base):
    """A text to send to a chat, at most once; `wid` is the id of its message.

    `request` is the whole `message.send`, kept as long as it may still be sent. `place` orders
    the sends of a chat. `isUntold` is true until its send result is published. `change` is the
    change of another message that was asked for, kept until the gateway has done it.
    """

    __tablename__ = "Sends"
    __table_args__ = (
        belongs_to("whatsappId", "Whatsapps"),
        refers_to("messageId", "Messages"),
        unique("companyId", "whatsappId", "wid"),
        CheckConstraint(
            "status IN ('queued', 'waiting', 'claimed', 'unknown', 'failed', 'sent')",
            name="status",
        ),
        Index(
            "ix_Sends_under_way",
            "companyId",
            "whatsappId",
            "chat",
            "place",
            postgresql_where=text("status IN ('waiting', 'claimed')"),
        ),
        Index(
            "ix_Sends_next",
            "companyId",
            "whatsappId",
            "place",
            postgresql_where=text("status IN ('waiting', 'claimed')"),
        ),
        Index(
            "ix_Sends_unsent",
            "createdAt",
            postgresql_where=text("status IN ('queued', 'waiting', 'claimed')"),
        ),
        Index("ix_Sends_untold", "place", postgresql_where=text('"isUntold"')),
        index_where_set("messageId"),
    )

    companyId: Mapped[int] = mapped_column(primary_key=True)
    sendId: Mapped[LongText] = mapped_column(primary_key=True)
    whatsappId: Mapped[int]
    chat: Mapped[LongText]
    wid: Mapped[LongText]
    messageId: Mapped[int | None]
    status: Mapped[LongText] = mapped_column(server_default="queued")
    place: Mapped[BigInt] = mapped_column(Identity())
    request: Mapped[Jsonb | None]
    expiresAt: Mapped[datetime | None]
    nextTryAt: Mapped[datetime | None]
    attempts: Mapped[Zero]
    claimedAt: Mapped[datetime | None]
    errorClass: Mapped[LongText | None]
    errorCode: Mapped[LongText | None]
    error: Mapped[LongText | None]
    answeredAt: Mapped[datetime | None]
    isUntold: Mapped[Off]
    createdAt: Mapped[Now]
    change: Mapped[Jsonb | None]


class LineSendRate(Base):
    """The send rate of a line, and when it may send next."""

    __tablename__ = "LineSendRates"
    __table_args__ = (
        belongs_to("whatsappId", "Whatsapps"),
        CheckConstraint('"intervalMs" > 0', name="intervalMs"),
    )

    companyId: Mapped[int] = mapped_column(primary_key=True)
    whatsappId: Mapped[int] = mapped_column(primary_key=True)
    intervalMs: Mapped[int]
    nextSendAt: Mapped[Now]
    updatedAt: Mapped[Now]
