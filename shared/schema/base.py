"""What all tables are made of: types, usual columns, and keys that keep companies apart.

A parent's key is (companyId, id), and its children point to both columns, so that no row can
ever belong to a row of another company.
"""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LongText = Annotated[str, mapped_column(Text)]
Blank = Annotated[str, mapped_column(server_default="")]
BigInt = Annotated[int, mapped_column(BigInteger)]
Zero = Annotated[int, mapped_column(server_default="0")]
On = Annotated[bool, mapped_column(server_default="true")]
Off = Annotated[bool, mapped_column(server_default="false")]
Now = Annotated[datetime, mapped_column(server_default=func.now())]
Json = Annotated[Any, mapped_column(JSON(none_as_null=True))]
Jsonb = Annotated[Any, mapped_column(JSONB(none_as_null=True))]


class Base(DeclarativeBase):
    """The one catalogue of tables, in which constraints are named after what they are about."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way
        str: String(255),
        float: Double,
        bytes: LargeBinary,
        datetime: DateTime(timezone=True),
    }


class Identified:
    """A row with a number of its own."""

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)


class OfCompany:
    """A row of a tenant, gone when its company is deleted."""

    companyId: Mapped[int] = mapped_column(
        ForeignKey("Companies.id", ondelete="CASCADE"), sort_order=-1
    )


class Stamped:
    """A row that knows when it was made and when it was last changed."""

    createdAt: Mapped[Now] = mapped_column(sort_order=1)
    updatedAt: Mapped[Now] = mapped_column(sort_order=2)


class TenantRow(Identified, OfCompany, Stamped):
    """The usual row: numbered, of a company, with its times."""


def company_column(table: Table) -> str | None:
    """Name the column that says whose a row is; None where the table is the platform's."""
    return next((name for name in ("companyId", "company_id") if name in table.columns), None)


def parent_key(company: str = "companyId") -> UniqueConstraint:
    """Let children point to (company, id)."""
    return UniqueConstraint(company, "id")


def belongs_to(column: str, parent: str, *, company: str = "companyId") -> ForeignKeyConstraint:
    """Point to a parent of the same company with which the row is deleted."""
    return _to_parent(column, parent, company, "CASCADE", closing=False)


def refers_to(
    column: str, parent: str, *, company: str = "companyId", closing: bool = False
) -> ForeignKeyConstraint:
    """Point to a parent of the same company that may go, leaving NULL in `column` alone.

    `closing` marks the keys that close a circle of tables and are therefore made last.
    """
    # Written as Postgres gives it back, so that Alembic finds no difference.
    quoted = column if column.islower() else f'"{column}"'
    return _to_parent(column, parent, company, f"SET NULL ({quoted})", closing=closing)


def _to_parent(
    column: str, parent: str, company: str, on_delete: str, *, closing: bool
) -> ForeignKeyConstraint:
    parent_company = "company_id" if parent == "FlowBuilders" else "companyId"
    return ForeignKeyConstraint(
        [company, column],
        [f"{parent}.{parent_company}", f"{parent}.id"],
        ondelete=on_delete,
        use_alter=closing,
    )


def unique(*columns: str, nulls_are_equal: bool = False) -> UniqueConstraint:
    """Allow each combination once."""
    if nulls_are_equal:
        return UniqueConstraint(*columns, postgresql_nulls_not_distinct=True)
    return UniqueConstraint(*columns)


def unique_where(name: str, condition: str, *columns: str) -> Index:
    """Allow each combination once among the rows that meet a condition."""
    return Index(name, *columns, unique=True, postgresql_where=text(condition))


def index(*columns: str) -> Index:
    """Find rows by these columns."""
    return Index(None, *columns)


def index_where_set(column: str) -> Index:
    """Find the rows that point to a parent; those that do not cost nothing."""
    return Index(None, column, postgresql_where=text(f'"{column}" IS NOT NULL'))
