"""Internal tables of the contacts service: LIDs, BSUIDs and changed numbers."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.base import Base, LongText, Now, index, index_where_set, refers_to


class LidNumber(Base):
    """The number of a LID, as a gateway reported it at `numberAt`, if that is known."""

    __tablename__ = "LidNumbers"

    companyId: Mapped[int] = mapped_column(
        ForeignKey("Companies.id", ondelete="CASCADE"), primary_key=True
    )
    lid: Mapped[LongText] = mapped_column(primary_key=True)
    number: Mapped[LongText]
    numberAt: Mapped[datetime | None]
    updatedAt: Mapped[Now]


class BusinessUserId(Base):
    """What is known of a BSUID: its contact, and its number, as observed last at `numberAt`.

    A BSUID that was replaced has `newUserId`; its number moves there, its contact stays here too.
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
    """A report that a person who had `number` has had `newNumber` since `changedAt`.

    It is there for both spellings of `number`. Of several reports of one change the first counts.
    """

    __tablename__ = "NumberChanges"

    companyId: Mapped[int] = mapped_column(
        ForeignKey("Companies.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[LongText] = mapped_column(primary_key=True)
    newNumber: Mapped[LongText] = mapped_column(primary_key=True)
    changedAt: Mapped[datetime] = mapped_column(primary_key=True)
