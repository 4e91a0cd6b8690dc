"""The tables that Whaticket does not have: event delivery, requests, purges, gateway data."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import (
    Base,
    BigInt,
    Jsonb,
    LongText,
    Now,
    Timestamped,
    WithId,
    Zero,
    belongs_to,
    index,
    index_where_set,
    unique,
    unique_where,
)
from shared.schema.lengths import MAX_LENGTH


class Deployment(Base):
    """One row with the UUID of this database, the first part of every fact's `ce_source`.

    `sizes` are samples of the sizes of database and tables, one a day, for `chatia db size`.
    `identity` names the database as the server knows it (cluster, database, timeline): if it is
    another one, the rows were restored or the server failed over. Nothing is sent while
    `sendsHeldSince` is set.
    """

    __tablename__ = "Deployment"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("1"), primary_key=True, autoincrement=False
    )
    uuid: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    createdAt: Mapped[Now]
    sizes: Mapped[Jsonb] = mapped_column(server_default="[]", sort_order=1)
    identity: Mapped[LongText | None] = mapped_column(sort_order=1)
    sendsHeldSince: Mapped[datetime | None] = mapped_column(sort_order=1)


class RestoredPosition(Base):
    """Where a checkpoint stood when the database was restored, with its epoch until then.

    Facts of this epoch that were caused by records from `nextOffset` on are of the lost time.
    """

    __tablename__ = "RestoredPositions"

    service: Mapped[LongText] = mapped_column(primary_key=True)
    topic: Mapped[LongText] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    nextOffset: Mapped[BigInt]
    createdAt: Mapped[Now]


class LostSend(Base):
    """A send that may have been sent in the lost time, before the database was restored."""

    __tablename__ = "LostSends"

    companyId: Mapped[int] = mapped_column(primary_key=True)
    sendId: Mapped[LongText] = mapped_column(primary_key=True)
    createdAt: Mapped[Now]


class Checkpoint(Base):
    """A checkpoint: the position of a service in a partition, and its facts to publish (outbox).

    `aside` are the deferred records by tenant key, as the offsets of the first and the last. The
    deferred consumer has checkpoints of its own, of `<service>.bulk`. Every batch updates its rows,
    so `fillfactor` is 50, which allows HOT updates.
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


class DeadLetter(Timestamped, Base):
    """A record that was rejected, kept for an operator to correct and replay.

    `companyId` is not a foreign key: the record may name a company that does not exist. `history`
    lists what operators did with it and when, and the result of each replay.
    """

    __tablename__ = "DeadLetters"
    __table_args__ = (
        unique("service", "topic", "partition", "epoch", "offset"),
        CheckConstraint("status IN ('open', 'replayed', 'resolved', 'discarded')", name="status"),
        Index("ix_DeadLetters_open", "service", "reason", postgresql_where=text("status = 'open'")),
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
    """A line whose records are no longer decoded, because many in a row were unreadable."""

    __tablename__ = "Quarantines"

    service: Mapped[LongText] = mapped_column(primary_key=True)
    line: Mapped[LongText] = mapped_column(primary_key=True)
    reason: Mapped[LongText]
    detail: Mapped[LongText]
    createdAt: Mapped[Now]


class WorkerReport(Base):
    """What a worker process last said about itself; its row is deleted when it stops.

    `status` is that of `/ready`, `halted` the problems of halted partitions by their names.
    """

    __tablename__ = "Workers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    service: Mapped[LongText]
    host: Mapped[LongText]
    processId: Mapped[int]
    version: Mapped[LongText]
    status: Mapped[LongText]
    halted: Mapped[Jsonb] = mapped_column(server_default="{}")
    partitions: Mapped[int]
    startedAt: Mapped[Now]
    reportedAt: Mapped[Now]


class GatewayConnection(WithId, Timestamped, Base):
    """Maps a gateway's instance to a line; the company in payloads is not trusted.

    `portfolio` is the business portfolio within which the line's BSUIDs are valid; without one it
    is that of the payload, Meta's WhatsApp Business Account.
    """

    __tablename__ = "GatewayConnections"
    __table_args__ = (
        belongs_to("whatsappId", "Whatsapps"),
        unique("gateway", "instance", "server"),
        index("whatsappId"),
    )

    companyId: Mapped[int]
    whatsappId: Mapped[int]
    gateway: Mapped[LongText] = mapped_column(info={MAX_LENGTH: 64})
    server: Mapped[LongText] = mapped_column(server_default="")
    instance: Mapped[LongText]
    portfolio: Mapped[LongText | None]


class AwaitedQuote(Base):
    """A message whose quoted message has not arrived yet."""

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
    """A change that waits for its message, and becomes a dead letter if that does not arrive."""

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
    """What "Messages" has no column for: the time of the last edit, and why a send failed."""

    __tablename__ = "MessageMarks"
    __table_args__ = (belongs_to("messageId", "Messages"),)

    companyId: Mapped[int] = mapped_column(primary_key=True)
    messageId: Mapped[int] = mapped_column(primary_key=True)
    editedAt: Mapped[datetime | None]
    errorCode: Mapped[LongText | None]
    error: Mapped[LongText | None]


class Reaction(Base):
    """The newest reaction of a person to a message; an empty emoji removes it.

    `author` is empty for the line itself, else the identity of the person.
    """

    __tablename__ = "Reactions"
    __table_args__ = (belongs_to("messageId", "Messages"),)

    companyId: Mapped[int] = mapped_column(primary_key=True)
    messageId: Mapped[int] = mapped_column(primary_key=True)
    author: Mapped[LongText] = mapped_column(primary_key=True)
    emoji: Mapped[LongText]
    reactedAt: Mapped[datetime]


class LineState(Base):
    """When a gateway last reported the status of a line, and its reason."""

    __tablename__ = "LineStates"
    __table_args__ = (belongs_to("whatsappId", "Whatsapps"),)

    companyId: Mapped[int] = mapped_column(primary_key=True)
    whatsappId: Mapped[int] = mapped_column(primary_key=True)
    changedAt: Mapped[datetime]
    reason: Mapped[LongText | None]


class TicketSuccessor(Base):
    """The ticket that a transfer opened in place of a closed one.

    There are no chains: when the successor is transferred too, the row is updated to the newest.
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
    """The time at which a ticket moves to the next lane; NULL while only a user may move it.

    It counts from our last message while the ticket was in `laneId`.
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


class Request(Base):
    """A request that was answered, so that its repetition changes nothing.

    `type` is what was asked, such as `ticket.accept`, `actor` who asked, if the request says so;
    both are NULL in rows of earlier versions. Commands of operators have rows, too.
    """

    __tablename__ = "Requests"

    service: Mapped[LongText] = mapped_column(primary_key=True)
    companyId: Mapped[int] = mapped_column(primary_key=True)
    requestId: Mapped[LongText] = mapped_column(primary_key=True)
    answer: Mapped[Jsonb | None]
    createdAt: Mapped[Now]
    type: Mapped[LongText | None] = mapped_column(sort_order=1)
    actor: Mapped[LongText | None] = mapped_column(sort_order=1)


class Purge(Base):
    """A request to delete rows with all that depends on them, in steps of all services.

    `companyId` is that of the request, 0 for the platform. `done` names the steps that are done,
    `removed` counts their rows, `deleted` are the keys for the answer. A finished purge is kept: it
    says who deleted, and records of a deleted company are rejected because of it.

    With `olderThan` it is a retention purge: of a company's messages written, or of its tickets
    closed before that time, one portion after another. `reachedAt` and `reachedId` are the last row
    that was examined. Rows that changed after `unchangedSince` stay: they are not archived.
    """

    __tablename__ = "Purges"
    __table_args__ = (
        Index("ix_Purges_under_way", "id", postgresql_where=text('"finishedAt" IS NULL')),
        unique_where(
            "uq_Purges_retention", '"olderThan" IS NOT NULL', "tableName", "companyId", "requestId"
        ),
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
    olderThan: Mapped[datetime | None] = mapped_column(sort_order=1)
    unchangedSince: Mapped[datetime | None] = mapped_column(sort_order=1)
    reachedAt: Mapped[datetime | None] = mapped_column(sort_order=1)
    reachedId: Mapped[int | None] = mapped_column(sort_order=1)


class PurgedRow(Base):
    """A row that a purge deletes; for a company, `companyId` is its own id."""

    __tablename__ = "PurgedRows"
    __table_args__ = (index("tableName", "companyId", "rowId"), index("companyId"))

    purgeId: Mapped[BigInt] = mapped_column(
        ForeignKey("Purges.id", ondelete="CASCADE"), primary_key=True
    )
    tableName: Mapped[LongText] = mapped_column(primary_key=True)
    companyId: Mapped[int] = mapped_column(primary_key=True)
    rowId: Mapped[int] = mapped_column(primary_key=True)


class SeedRow(Base):
    """A row that a seed inserted, so that removing the seed deletes only its own rows."""

    __tablename__ = "SeedRows"

    seed: Mapped[LongText] = mapped_column(primary_key=True)
    tableName: Mapped[LongText] = mapped_column(primary_key=True)
    rowId: Mapped[int] = mapped_column(primary_key=True)
