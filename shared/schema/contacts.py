"""The tables that the contacts service writes."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import (
    Base,
    Blank,
    CompanyRow,
    LongText,
    Off,
    On,
    TenantRow,
    Timestamped,
    belongs_to,
    index,
    index_where_set,
    parent_key,
    refers_to,
    unique,
    unique_where,
)
from shared.schema.ranges import INT, RANGE


class Contact(TenantRow, Base):
    """A person or group that a company talks with, once per number.

    `active` is false for a deleted contact, until an inbound message sets it again. After a merge
    `mergedIntoContactId` is the contact that remains. `isInAgenda` is false for a contact that a
    message created; `source` says what created it.
    """

    __tablename__ = "Contacts"
    __table_args__ = (
        parent_key(),
        refers_to("whatsappId", "Whatsapps"),
        refers_to("mergedIntoContactId", "Contacts"),
        Index("idx_contacts_company_number", "companyId", "number", unique=True),
        unique_where("uq_Contacts_companyId_lid", "lid IS NOT NULL", "companyId", "lid"),
        unique_where("uq_Contacts_companyId_jid", "jid IS NOT NULL", "companyId", "jid"),
        Index("idx_contacts_company", "companyId"),
        Index("idx_contacts_number", "number"),
        Index("idx_contacts_active", "active"),
        index("companyId", "name"),
        index_where_set("whatsappId"),
        index_where_set("mergedIntoContactId"),
    )

    name: Mapped[str]
    number: Mapped[str | None]
    profilePicUrl: Mapped[LongText | None]
    email: Mapped[Blank]
    isGroup: Mapped[Off]
    acceptAudioMessage: Mapped[On]
    channel: Mapped[LongText | None] = mapped_column(server_default="whatsapp")
    active: Mapped[On | None]
    disableBot: Mapped[Off]
    remoteJid: Mapped[str | None]
    lgpdAcceptedAt: Mapped[datetime | None]
    urlPicture: Mapped[LongText | None]
    pictureUpdated: Mapped[Off]
    whatsappId: Mapped[int | None]
    lid: Mapped[LongText | None]
    jid: Mapped[LongText | None]
    mergedIntoContactId: Mapped[int | None]
    blocked: Mapped[Off]
    isInAgenda: Mapped[On] = mapped_column(sort_order=3)
    source: Mapped[str] = mapped_column(String(20), server_default="manual", sort_order=3)
    language: Mapped[str | None] = mapped_column(String(10), sort_order=3)
    followUp: Mapped[LongText | None] = mapped_column(sort_order=3)


class ContactCustomField(TenantRow, Base):
    """A custom field of a contact."""

    __tablename__ = "ContactCustomFields"
    __table_args__ = (
        belongs_to("contactId", "Contacts"),
        index("companyId", "contactId"),
    )

    name: Mapped[str]
    value: Mapped[str]
    contactId: Mapped[int]


class ContactTag(CompanyRow, Timestamped, Base):
    """A tag of a contact."""

    __tablename__ = "ContactTags"
    __table_args__ = (
        belongs_to("contactId", "Contacts"),
        belongs_to("tagId", "Tags"),
        index("companyId", "tagId"),
    )

    contactId: Mapped[int] = mapped_column(primary_key=True)
    tagId: Mapped[int] = mapped_column(primary_key=True)


class ContactWallet(TenantRow, Base):
    """A user (`walletId`) who is responsible for a contact."""

    __tablename__ = "ContactWallets"
    __table_args__ = (
        belongs_to("walletId", "Users"),
        belongs_to("contactId", "Contacts"),
        unique("walletId", "contactId"),
        index("companyId", "contactId"),
    )

    walletId: Mapped[int]
    contactId: Mapped[int]


class ContactProduct(TenantRow, Base):
    """A product that a contact asks about or has, with its status in the sale."""

    __tablename__ = "ContactProducts"
    __table_args__ = (
        belongs_to("contactId", "Contacts"),
        index("companyId", "contactId"),
    )

    contactId: Mapped[int]
    name: Mapped[str]
    status: Mapped[str] = mapped_column(String(30), server_default="pending")


class Tag(TenantRow, Base):
    """A label, or with kanban = 1 a lane of the board.

    Tickets may leave a lane after `timeLane` minutes; half a minute is a time, too, and 0 is none.
    """

    __tablename__ = "Tags"
    __table_args__ = (
        parent_key(),
        refers_to("nextLaneId", "Tags"),
        refers_to("rollbackLaneId", "Tags"),
        index_where_set("nextLaneId"),
        index_where_set("rollbackLaneId"),
    )

    name: Mapped[str]
    color: Mapped[str | None]
    kanban: Mapped[int | None]
    nextLaneId: Mapped[int | None]
    timeLane: Mapped[float | None] = mapped_column(server_default="0", info={RANGE: INT})
    greetingMessageLane: Mapped[LongText | None]
    rollbackLaneId: Mapped[int | None]


class ContactList(TenantRow, Base):
    """A list of recipients of campaigns."""

    __tablename__ = "ContactLists"
    __table_args__ = (parent_key(),)

    name: Mapped[str]


class ContactListItem(TenantRow, Base):
    """A recipient of a list, once per number."""

    __tablename__ = "ContactListItems"
    __table_args__ = (
        parent_key(),
        belongs_to("contactListId", "ContactLists"),
        unique("contactListId", "number"),
    )

    name: Mapped[str]
    number: Mapped[str]
    email: Mapped[str | None]
    contactListId: Mapped[int]
    isWhatsappValid: Mapped[Off | None]
    isGroup: Mapped[Off | None]
