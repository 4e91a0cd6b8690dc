"""The SQL around the rows of a restore, which psql runs in one transaction.

Foreign keys run in circles, so rows of a whole database go in without them, and adding the keys
again proves them. Rows of one company go in beside those of others: only the keys that form cycles
wait for the end, and only the new rows are checked.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.backup.company_rows import list_late_keys, list_numbered
from shared.backup.manifest import Manifest
from shared.db.bulk import statement
from shared.db.policies import quote_name, quote_table

LOCK_TIMEOUT = "10s"  # workers that still run hold locks
SEARCH_INDEX = "ix_Messages_search"  # the one that needs pg_trgm
# Entries of an archive that `chatia db roles`, or the target itself, makes.
LEFT_OUT = re.compile(r"^\d+; \d+ \d+ (POLICY|ACL|DEFAULT ACL|SCHEMA|COMMENT - SCHEMA|EXTENSION) ")
OF_VERSION = re.compile(r"^\d+; \d+ \d+ TABLE DATA public alembic_version ")
OF_TRIGRAMS = re.compile(rf"^\d+; \d+ \d+ (INDEX|COMMENT) public (INDEX )?{SEARCH_INDEX} ")

# The definition names tables in full, because the search path is empty.
FOREIGN_KEYS = statement("""
SELECT r.relname::text AS table, c.conname::text AS name, p.relname::text AS parent,
       pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint c
JOIN pg_class r ON r.oid = c.conrelid JOIN pg_class p ON p.oid = c.confrelid
WHERE c.contype = 'f' AND c.conparentid = 0 AND r.relnamespace = 'public'::regnamespace
ORDER BY r.relname, c.conname
""")
# All of the schema public but what extensions have there.
OBJECTS = statement("""
SELECT format('DROP TABLE IF EXISTS %s CASCADE', c.oid::regclass) AS command
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', f.oid::regprocedure)
FROM pg_proc f WHERE f.pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = f.oid AND d.deptype = 'e')
""")
AVAILABLE = statement("SELECT name::text FROM pg_available_extensions")
NO_SEARCH_PATH = statement("SELECT set_config('search_path', '', true)")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key of the database: its table, name, parent and definition in SQL."""

    table: str
    name: str
    parent: str
    definition: str


@dataclass(frozen=True, slots=True)
class Script:
    """What runs before and after the rows, each ended by a semicolon."""

    before: Sequence[str]
    after: Sequence[str]

    def wrap(self, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the script up to the end of the rows, in an open transaction."""
        begin = (r"\set ON_ERROR_STOP on", r"\o /dev/null", "BEGIN;")
        yield _join((*begin, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';", *self.before))
        yield from rows
        yield _join(self.after)


async def load_foreign_keys(conn: AsyncConnection) -> list[ForeignKey]:
    """Return the foreign keys of the schema public."""
    await conn.execute(NO_SEARCH_PATH)
    rows = await conn.execute(FOREIGN_KEYS)
    return [ForeignKey(row.table, row.name, row.parent, row.definition) for row in rows]


async def build_schema_script(
    conn: AsyncConnection, manifest: Manifest, *, with_rows: bool
) -> Script:
    """Return the script around a schema: drops what is there, if there is something."""
    await conn.execute(NO_SEARCH_PATH)
    before = [f"{command};" for command in (await conn.execute(OBJECTS)).scalars()]
    available = set((await conn.execute(AVAILABLE)).scalars())
    for extension in manifest.source.extensions:
        if extension.name in available:
            schema = quote_name(extension.schema_name)
            before += [
                f"CREATE SCHEMA IF NOT EXISTS {schema};",
                f"CREATE EXTENSION IF NOT EXISTS {extension.name} WITH SCHEMA {schema};",
            ]
    if with_rows:
        return Script(before, [])
    # Rows without which the schema cannot be used: its revision, and who the deployment is.
    after = [
        f"INSERT INTO public.alembic_version VALUES ('{manifest.source.revision}');",
        'INSERT INTO public."Deployment" DEFAULT VALUES;',
    ]
    return Script(before, after)


def build_data_script(manifest: Manifest, keys: Sequence[ForeignKey]) -> Script:
    """Return the script around the rows of all tables: foreign keys are dropped and added again."""
    tables = [quote_table(name) for name in manifest.tables if name != "alembic_version"]
    return Script(
        [
            *(f"{_alter(key)} DROP CONSTRAINT {quote_name(key.name)};" for key in keys),
            f"TRUNCATE {', '.join(tables)};",
        ],
        [f"{_alter(key)} ADD CONSTRAINT {quote_name(key.name)} {key.definition};" for key in keys],
    )


def build_company_script(manifest: Manifest, keys: Sequence[ForeignKey]) -> Script:
    """Return the script around the rows of a company, which are added to those of others."""
    late = set(list_late_keys(manifest.company or 0))
    waiting = [key for key in keys if (key.table, key.parent) in late]

    def change(how: str) -> list[str]:
        return [f"{_alter(key)} ALTER CONSTRAINT {quote_name(key.name)} {how};" for key in waiting]

    return Script(
        change("DEFERRABLE INITIALLY DEFERRED"),
        [
            "SET CONSTRAINTS ALL IMMEDIATE;",
            *change("NOT DEFERRABLE"),
            *_advance_sequences(manifest.tables),
        ],
    )


def choose_entries(listing: str, *, has_trigrams: bool, has_schema: bool) -> str:
    """Return the list of an archive's entries without those that are not restored.

    `has_schema` says that the schema is restored, too, and with it the revision.
    """
    lines = [line for line in listing.splitlines() if not LEFT_OUT.match(line)]
    if not has_trigrams:
        lines = [line for line in lines if not OF_TRIGRAMS.match(line)]
    if not has_schema:
        lines = [line for line in lines if not OF_VERSION.match(line)]
    return "\n".join([*lines, ""])


def _advance_sequences(tables: Iterable[str]) -> Iterator[str]:
    """Yield statements that move sequences past the restored ids, and never back."""
    for table, column in list_numbered(tables):
        name, quoted = quote_table(table), quote_name(column)
        sequence = f"pg_get_serial_sequence('{name}', '{column}')"
        yield (
            f"SELECT setval({sequence}, GREATEST(max({quoted}), nextval({sequence}))) "
            f"FROM {name} HAVING max({quoted}) IS NOT NULL;"
        )


def _alter(key: ForeignKey) -> str:
    return f"ALTER TABLE {quote_table(key.table)}"


def _join(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
