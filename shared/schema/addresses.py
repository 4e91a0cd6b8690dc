"""Internal tables of the contacts service: LIDs, BSUIDs and changed numbers."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import Base, LongText, Now, index, index_where_set, refers_to


class LidNumber(Base):
    """The number of a LID, as a gateway reported it."""

    __tablename__ = "LidNumbers"

    companyId: Mapped[int] = mapped_column(
        ForeignKey("Companies.id", ondelete="CASCADE"), primary_key=True
    )
    lid: Mapped[LongText] = mapped_column(primary_key=True)
    number: Mapped[LongText]
    updatedAt: Mapped[Now]


class BusinessUserId(Base):
    """What is known of a BSUID: its contact, and its number since `numberAt`.

    A BSUID that was replaced has only `newUserId`, and what is known moves there.
    """

    __tablename__ = "BusinessUserIds"
    __table_args__ = (
        refers_to("contactId", "Contacts"),
        index("companyId", "userId"),
        index_where_set("contactId"),
    )

    companyId: Mapped[int] = mapped_column(
        ForeignKey("Companies.id", ondelete="CASCADE"), primary_key=True
    )
    portfolio: Mapped[LongText] = mapped_column(primary_key=True)
    userId: Mapped[LongText] = mapped_column(primary_key=True)
    contactId: Mapped[int | None]
    newUserId: Mapped[LongText | None]
    number: Mapped[LongText | None]
    numberAt: Mapped[datetime | None]
    updatedAt: Mapped[Now]


class NumberChange(Base):
    """A person who had `number` has had `newNumber` since `changedAt`."""

    __tablename__ = "NumberChanges"

    companyId: Mapped[int] = mapped_column(
        ForeignKey("Companies.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[LongText] = mapped_column(primary_key=True)
    newNumber: Mapped[LongText] = mapped_column(primary_key=True)
    changedAt: Mapped[datetime]
