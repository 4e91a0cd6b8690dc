"""The indexes that the mapped tables need, and how to build one that is missing."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex

from shared.db.bulk import statement
from shared.db.policies import quote_name, quote_table
from shared.schema import metadata

# Built only where the extension pg_trgm is available, so it is not among the mapped ones.
SEARCH_INDEX = "ix_Messages_search"
# As the migrations build it; the extension may be in any schema.
FIND_TRIGRAMS = statement("""
SELECT quote_ident(n.nspname) FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace
WHERE o.opcname = 'gin_trgm_ops'
""")
NULLS_ARE_EQUAL = "postgresql_nulls_not_distinct"

NAMES = statement("""
SELECT c.relname::text AS name, c.relkind IN ('r', 'p') AS is_table,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('i', 'I', 'r', 'p')
""")


@dataclass(frozen=True, slots=True)
class NeededIndex:
    """An index of a mapped table, and the statements that build it beside reads and writes."""

    name: str
    table: str
    is_unique: bool
    statements: tuple[str, ...]
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """The mapped tables that do not exist, and the missing indexes of those that do.

    The index of the search is needed, too, but can be built only with the extension pg_trgm.
    """

    tables: list[str]
    indexes: list[NeededIndex]
    has_search_index: bool
    search_index: NeededIndex | None = None

    def list_buildable(self) -> list[NeededIndex]:
        """Return the missing indexes that can be built now."""
        return [*self.indexes, *([self.search_index] if self.search_index else [])]


async def find_missing(conn: AsyncConnection) -> Missing:
    """Return the mapped tables and indexes whose names are not in the schema `public`.

    A primary key may have any name.
    """
    rows = (await conn.execute(NAMES)).all()
    tables = {row.name for row in rows if row.is_table}
    indexes = {row.name for row in rows if not row.is_table}
    keys = {row.name for row in rows if row.has_key}
    has_search_index = SEARCH_INDEX in indexes
    trigrams = None
    if not has_search_index and "Messages" in tables:
        trigrams = await conn.scalar(FIND_TRIGRAMS)
    return Missing(
        [table.name for table in metadata.sorted_tables if table.name not in tables],
        [
            index
            for index in list_needed()
            if index.table in tables
            and (index.table not in keys if index.is_primary else index.name not in indexes)
        ],
        has_search_index,
        build_search_index(trigrams) if trigrams else None,
    )


def build_search_index(schema: str) -> NeededIndex:
    """Return the index of the search; `schema`, quoted, is that of the extension pg_trgm."""
    name, table = quote_name(SEARCH_INDEX), quote_table("Messages")
    method = f"USING gin (public.searchable_text(body) {schema}.gin_trgm_ops)"
    return NeededIndex(
        SEARCH_INDEX,
        "Messages",
        is_unique=False,
        statements=(
            f"CREATE INDEX CONCURRENTLY {name} ON {table} {method}",
            f"ALTER INDEX public.{name} ALTER COLUMN 1 SET STATISTICS 1000",
            f"ANALYZE {table} (body)",
        ),
    )


def list_needed() -> Iterator[NeededIndex]:
    """Yield the indexes of all mapped tables, also those of primary keys and unique constraints."""
    for table in metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            # The dialect's own option would change the mapped index.
            sql = str(CreateIndex(index).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
            created = sql.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)
            yield NeededIndex(str(index.name), table.name, bool(index.unique), (created,))
        yield from _list_constraints(table)


def _list_constraints(table: Table) -> Iterator[NeededIndex]:
    for constraint in sorted(table.constraints, key=lambda each: str(each.name)):
        match constraint:
            case PrimaryKeyConstraint():
                kind, nulls = "PRIMARY KEY", ""
            case UniqueConstraint():
                is_equal = constraint.dialect_kwargs.get(NULLS_ARE_EQUAL)
                kind, nulls = "UNIQUE", " NULLS NOT DISTINCT" if is_equal else ""
            case _:
                continue
        name, place = quote_name(str(constraint.name)), quote_table(table.name)
        keys = ", ".join(quote_name(column.name) for column in constraint.columns)
        yield NeededIndex(
            str(constraint.name),
            table.name,
            is_unique=True,
            statements=(
                f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {place} ({keys}){nulls}",
                f"ALTER TABLE {place} ADD CONSTRAINT {name} {kind} USING INDEX {name}",
            ),
            is_primary=isinstance(constraint, PrimaryKeyConstraint),
        )
