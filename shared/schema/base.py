"""Column types, common columns and keys of the mapped tables.

Foreign keys reference (companyId, id) of their parent, so that a row cannot belong to a row of
another company.
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
    """The base of all mapped classes, with names for constraints that have none."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy expects a plain dict
        str: String(255),
        float: Double,
        bytes: LargeBinary,
        datetime: DateTime(timezone=True),
    }


class WithId:
    """A row with an id."""

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)


class CompanyRow:
    """A row of a company, deleted with it."""

    companyId: Mapped[int] = mapped_column(
        ForeignKey("Companies.id", ondelete="CASCADE"), sort_order=-1
    )


class Timestamped:
    """A row with the times of its insert and its last update."""

    createdAt: Mapped[Now] = mapped_column(sort_order=1)
    updatedAt: Mapped[Now] = mapped_column(sort_order=2)


class TenantRow(WithId, CompanyRow, Timestamped):
    """A row with an id, a company and times."""


def find_company_column(table: Table) -> str | None:
    """Return the column with the company of a row; None if tables are of the platform."""
    return next((name for name in ("companyId", "company_id") if name in table.columns), None)


def parent_key(company: str = "companyId") -> UniqueConstraint:
    """Return the unique key (company, id), which foreign keys of children reference."""
    return UniqueConstraint(company, "id")


def belongs_to(column: str, parent: str, *, company: str = "companyId") -> ForeignKeyConstraint:
    """Return a foreign key to a parent of the same company; the row is deleted with it."""
    return _build_foreign_key(column, parent, company, "CASCADE", closing=False)


def refers_to(
    column: str, parent: str, *, company: str = "companyId", closing: bool = False
) -> ForeignKeyConstraint:
    """Return a foreign key to a parent of the same company; deleting it sets `column` to NULL.

    `closing` marks keys that would form a cycle of tables, and are created after the tables.
    """
    # As Postgres prints it, so that Alembic finds no difference.
    quoted = column if column.islower() else f'"{column}"'
    return _build_foreign_key(column, parent, company, f"SET NULL ({quoted})", closing=closing)


def _build_foreign_key(
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
    """Return a unique constraint."""
    if nulls_are_equal:
        return UniqueConstraint(*columns, postgresql_nulls_not_distinct=True)
    return UniqueConstraint(*columns)


def unique_where(name: str, condition: str, *columns: str) -> Index:
    """Return a unique index of the rows that meet a condition."""
    return Index(name, *columns, unique=True, postgresql_where=text(condition))


def index(*columns: str) -> Index:
    """Return an index."""
    return Index(None, *columns)


def index_where_set(column: str) -> Index:
    """Return an index of the rows where a foreign key is not NULL."""
    return Index(None, column, postgresql_where=text(f'"{column}" IS NOT NULL'))
