"""Tables beside the documented 55, for the delivery of events and the deployment itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import (
    Base,
    BigInt,
    Identified,
    Jsonb,
    LongText,
    Now,
    Off,
    Stamped,
    Zero,
    belongs_to,
    index,
    index_where_set,
    refers_to,
    unique,
)
from shared.schema.lengths import LONGEST


class Deployment(Base):
    """The one row that names this database, as the first part of every fact's source."""

    __tablename__ = "Deployment"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("1"), primary_key=True, autoincrement=False
    )
    uuid: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    createdAt: Mapped[Now]


class Checkpoint(Base):
    """How far a service is in a partition, and what it has still to tell.

    `aside` holds, for each noisy company whose records wait, the first and the last of them; a
    service's bulk lane, which takes them, has rows of its own, `<service>.bulk`.
    Rewritten with every batch, so pages keep half of their room for the next version of a row.
    """

    __tablename__ = "Checkpoints"
    __table_args__ = ({"postgresql_with": {"fillfactor": "50"}},)

    service: Mapped[LongText] = mapped_column(primary_key=True)
    topic: Mapped[LongText] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    nextOffset: Mapped[BigInt]
    lastTimestamp: Mapped[BigInt | None]
    lastCrc: Mapped[BigInt | None]
    epoch: Mapped[Zero]
    outbox: Mapped[bytes | None]
    seen: Mapped[Jsonb] = mapped_column(server_default="{}")
    updatedAt: Mapped[Now]
    aside: Mapped[Jsonb] = mapped_column(server_default="{}", sort_order=1)


class DeadLetter(Stamped, Base):
    """A record that can never take effect, kept for an operator to mend and replay.

    `companyId` is no foreign key: the record may name a company that does not exist. `history`
    lists who did what to it and when, and what came of each replay.
    """

    __tablename__ = "DeadLetters"
    __table_args__ = (
        unique("service", "topic", "partition", "epoch", "offset"),
        CheckConstraint("status IN ('open', 'replayed', 'resolved', 'discarded')", name="status"),
    )

    id: Mapped[BigInt] = mapped_column(Identity(), primary_key=True)
    service: Mapped[LongText]
    topic: Mapped[LongText]
    partition: Mapped[int]
    offset: Mapped[BigInt]
    key: Mapped[bytes | None]
    headers: Mapped[Jsonb] = mapped_column(server_default="[]")
    body: Mapped[bytes | None]
    reason: Mapped[LongText]
    detail: Mapped[LongText] = mapped_column(server_default="")
    sqlstate: Mapped[LongText | None]
    companyId: Mapped[int | None]
    recordTimestamp: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="1")
    status: Mapped[LongText] = mapped_column(server_default="open")
    history: Mapped[Jsonb] = mapped_column(server_default="[]", sort_order=3)
    epoch: Mapped[Zero] = mapped_column(sort_order=4)
    line: Mapped[LongText | None] = mapped_column(sort_order=5)


class Quarantine(Base):
    """A line of which so many records in a row were unreadable that they are no longer tried."""

    __tablename__ = "Quarantines"

    service: Mapped[LongText] = mapped_column(primary_key=True)
    line: Mapped[LongText] = mapped_column(primary_key=True)
    reason: Mapped[LongText]
    detail: Mapped[LongText]
    createdAt: Mapped[Now]


class GatewayConnection(Identified, Stamped, Base):
    """Which line an instance of a gateway stands for, whatever its payloads say."""

    __tablename__ = "GatewayConnections"
    __table_args__ = (
        belongs_to("whatsappId", "Whatsapps"),
        unique("gateway", "instance", "server"),
        index("whatsappId"),
    )

    companyId: Mapped[int]
    whatsappId: Mapped[int]
    gateway: Mapped[LongText] = mapped_column(info={LONGEST: 64})
    server: Mapped[LongText] = mapped_column(server_default="")
    instance: Mapped[LongText]


class AwaitedQuote(Base):
    """A message quotes one that has not arrived yet."""

    __tablename__ = "AwaitedQuotes"
    __table_args__ = (
        belongs_to("messageId", "Messages"),
        index("messageId"),
    )

    companyId: Mapped[int] = mapped_column(primary_key=True)
    whatsappId: Mapped[int] = mapped_column(primary_key=True)
    wid: Mapped[LongText] = mapped_column(primary_key=True)
    messageId: Mapped[int] = mapped_column(primary_key=True)


class AwaitedChange(Base):
    """A change of a message that has not arrived yet: applied when it does, else a dead letter."""

    __tablename__ = "AwaitedChanges"
    __table_args__ = (
        belongs_to("whatsappId", "Whatsapps"),
        unique("companyId", "whatsappId", "wid", "digest"),
        index("createdAt"),
    )

    id: Mapped[BigInt] = mapped_column(Identity(), primary_key=True)
    companyId: Mapped[int]
    whatsappId: Mapped[int]
    wid: Mapped[LongText]
    type: Mapped[LongText]
    change: Mapped[LongText]
    digest: Mapped[bytes]
    createdAt: Mapped[Now]


class MessageMark(Base):
    """What "Messages" has no column for: when words were last edited, and why a send failed."""

    __tablename__ = "MessageMarks"
    __table_args__ = (belongs_to("messageId", "Messages"),)

    companyId: Mapped[int] = mapped_column(primary_key=True)
    messageId: Mapped[int] = mapped_column(primary_key=True)
    editedAt: Mapped[datetime | None]
    errorCode: Mapped[LongText | None]
    error: Mapped[LongText | None]


class Reaction(Base):
    """Somebody's newest reaction to a message; an empty emoji was taken back.

    `author` is empty for ourselves, else the canonical identity of who reacted.
    """

    __tablename__ = "Reactions"
    __table_args__ = (belongs_to("messageId", "Messages"),)

    companyId: Mapped[int] = mapped_column(primary_key=True)
    messageId: Mapped[int] = mapped_column(primary_key=True)
    author: Mapped[LongText] = mapped_column(primary_key=True)
    emoji: Mapped[LongText]
    reactedAt: Mapped[datetime]


class LineState(Base):
    """When a line's gateway last told its status, and its own word for why."""

    __tablename__ = "LineStates"
    __table_args__ = (belongs_to("whatsappId", "Whatsapps"),)

    companyId: Mapped[int] = mapped_column(primary_key=True)
    whatsappId: Mapped[int] = mapped_column(primary_key=True)
    changedAt: Mapped[datetime]
    reason: Mapped[LongText | None]


class LidNumber(Base):
    """The number behind a LID, as a gateway told it."""

    __tablename__ = "LidNumbers"

    companyId: Mapped[int] = mapped_column(
        ForeignKey("Companies.id", ondelete="CASCADE"), primary_key=True
    )
    lid: Mapped[LongText] = mapped_column(primary_key=True)
    number: Mapped[LongText]
    updatedAt: Mapped[Now]


class Send(Base):
    """One text for one chat, sent at most once; `wid` is what its message is called.

    `request` is the whole "message.send", kept only as long as it may still be sent. `place` orders
    the sends of one chat. `isUntold`: its answer is on its way to `message.answered`.
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


class TicketSuccessor(Base):
    """A ticket that was closed when it was transferred, and the one that it goes on as.

    One level deep: when the successor is transferred so as well, the row points to the newest.
    """

    __tablename__ = "TicketSuccessors"
    __table_args__ = (
        belongs_to("ticketId", "Tickets"),
        belongs_to("successorId", "Tickets"),
        index("companyId", "successorId"),
    )

    companyId: Mapped[int] = mapped_column(primary_key=True)
    ticketId: Mapped[int] = mapped_column(primary_key=True)
    successorId: Mapped[int]


class LaneTimer(Base):
    """When a ticket leaves a timed lane for the next one; null: not before a person moves it.

    It counts while the ticket stands in `laneId`, from our last message in it.
    """

    __tablename__ = "LaneTimers"
    __table_args__ = (
        belongs_to("ticketId", "Tickets"),
        belongs_to("laneId", "Tags"),
        index("companyId", "laneId"),
        index_where_set("nextMoveAt"),
    )

    companyId: Mapped[int] = mapped_column(primary_key=True)
    ticketId: Mapped[int] = mapped_column(primary_key=True)
    laneId: Mapped[int]
    nextMoveAt: Mapped[datetime | None]


class LineSendRate(Base):
    """How fast a line may send, and when it may send next."""

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


class Request(Base):
    """A request from outside that was answered, so that its repetition changes nothing."""

    __tablename__ = "Requests"

    service: Mapped[LongText] = mapped_column(primary_key=True)
    companyId: Mapped[int] = mapped_column(primary_key=True)
    requestId: Mapped[LongText] = mapped_column(primary_key=True)
    answer: Mapped[Jsonb | None]
    createdAt: Mapped[Now]


class Purge(Base):
    """A request to delete rows that take much along, done in steps by all owners.

    `companyId` asked, 0 for the platform. `done` names the steps that are done, `removed` counts
    their rows by table, `deleted` are the keys that its answer will name. It stays when it is
    finished: who asked, when, and that what comes for a deleted company is refused.
    """

    __tablename__ = "Purges"
    __table_args__ = (
        Index("ix_Purges_under_way", "id", postgresql_where=text('"finishedAt" IS NULL')),
    )

    id: Mapped[BigInt] = mapped_column(Identity(), primary_key=True)
    companyId: Mapped[int]
    tableName: Mapped[LongText]
    requestId: Mapped[LongText]
    actor: Mapped[LongText | None]
    deleted: Mapped[Jsonb]
    done: Mapped[Jsonb] = mapped_column(server_default="[]")
    removed: Mapped[Jsonb] = mapped_column(server_default="{}")
    createdAt: Mapped[Now]
    finishedAt: Mapped[datetime | None]


class PurgedRow(Base):
    """A row that a purge deletes with all that hangs on it; a company is its own `companyId`."""

    __tablename__ = "PurgedRows"
    __table_args__ = (index("tableName", "companyId", "rowId"), index("companyId"))

    purgeId: Mapped[BigInt] = mapped_column(
        ForeignKey("Purges.id", ondelete="CASCADE"), primary_key=True
    )
    tableName: Mapped[LongText] = mapped_column(primary_key=True)
    companyId: Mapped[int] = mapped_column(primary_key=True)
    rowId: Mapped[int] = mapped_column(primary_key=True)


class SeedRow(Base):
    """A row that a seed inserted, so that undoing the seed removes that row only."""

    __tablename__ = "SeedRows"

    seed: Mapped[LongText] = mapped_column(primary_key=True)
    tableName: Mapped[LongText] = mapped_column(primary_key=True)
    rowId: Mapped[int] = mapped_column(primary_key=True)
