"""Whether a backup may be restored into a database; pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared.backup.manifest import Kind, Manifest

# Migrations fill these, so a database that has rows in them alone is empty.
FILLED_BY_MIGRATIONS = ("Deployment", "alembic_version")


@dataclass(frozen=True, slots=True)
class Target:
    """A database into which something is restored; `filled` are its tables with rows."""

    server_major: int
    revision: str | None
    tables: Collection[str]
    filled: Collection[str]
    has_company: bool = False
    programs: Collection[str] = ()  # of workers that are connected


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    """Which part is restored: FULL, SCHEMA, DATA or COMPANY; and how.

    `identity` is the file of the key for age. With `is_into_existing`, the database need not be
    empty: what is there is replaced, or a company is added to the others.
    """

    part: Kind | None = None
    is_into_existing: bool = False
    identity: str = ""


def choose_part(manifest: Manifest, order: RestoreOrder) -> Kind:
    """Return what is restored: what is asked for, else all that the backup holds."""
    return order.part or manifest.kind


def find_refusal(
    manifest: Manifest, target: Target, order: RestoreOrder, revisions: Sequence[str]
) -> str | None:
    """Return in a sentence why a backup cannot be restored; None if it can.

    `revisions` are the migrations that this program knows, the first one first.
    """
    if manifest.kind is Kind.BASE:
        return "This is a base backup of a whole server: `chatia db recover --to` restores it."
    part = choose_part(manifest, order)
    if target.programs and part is not Kind.COMPANY:
        return (
            f"Workers use this database ({', '.join(sorted(target.programs))}): stop all of them "
            "first. They would go on as if nothing had happened."
        )
    return _refuse_part(manifest, target, order, revisions)


def _refuse_part(
    manifest: Manifest, target: Target, order: RestoreOrder, revisions: Sequence[str]
) -> str | None:
    part = choose_part(manifest, order)
    held = {Kind.FULL: (Kind.FULL, Kind.SCHEMA, Kind.DATA)}.get(manifest.kind, (manifest.kind,))
    if part not in held:
        return f"The backup holds {_describe(manifest)}, so that {part} cannot be restored from it."
    if manifest.source.revision not in revisions:
        return (
            f"The backup has the schema {manifest.source.revision}, which is newer than this "
            f"version of ChatIA Flow, whose newest is {revisions[-1]}: upgrade the program first."
        )
    if manifest.encryption == "age" and not order.identity:
        return "The backup is encrypted with age: name the file of the key with --identity."
    if part in {Kind.FULL, Kind.SCHEMA}:
        return _refuse_schema(manifest, target, order)
    return _refuse_rows(manifest, target, order, part)


def _refuse_schema(manifest: Manifest, target: Target, order: RestoreOrder) -> str | None:
    if target.server_major < manifest.source.server_major:
        return (
            f"The backup is of PostgreSQL {manifest.source.server_major} and this server is "
            f"{target.server_major}: restore it into a server of its version or a newer one, or "
            "restore with --data-only into a migrated database."
        )
    if target.tables and not order.is_into_existing:
        return (
            f"The database is not empty: it has {_count(len(target.tables), 'table')}. Create a "
            "new one, or replace all that this one has with --into-existing."
        )
    return None


def _refuse_rows(manifest: Manifest, target: Target, order: RestoreOrder, part: Kind) -> str | None:
    if target.revision != manifest.source.revision:
        here = f"has {target.revision}" if target.revision else "has none"
        return (
            f"The backup has rows of the schema {manifest.source.revision} and the database "
            f"{here}: run `chatia db upgrade {manifest.source.revision}` first."
        )
    if part is Kind.COMPANY and target.has_company:
        return (
            f"Company {manifest.company} is there already: it can be restored after its deletion."
        )
    filled = sorted(set(target.filled) - set(FILLED_BY_MIGRATIONS))
    if filled and not order.is_into_existing:
        remedy = (
            "add the company to the others with --into-existing"
            if part is Kind.COMPANY
            else "replace all rows with --into-existing"
        )
        return (
            f"The database is not empty: {filled[0]} has rows. Take a database that was only "
            f"migrated, or {remedy}."
        )
    return None


def _describe(manifest: Manifest) -> str:
    match manifest.kind:
        case Kind.SCHEMA:
            return "the schema alone"
        case Kind.DATA:
            return "rows alone"
        case Kind.COMPANY:
            return f"the rows of company {manifest.company}"
        case Kind.FULL:
            return "schema and rows"
        case Kind.BASE:
            return "all files of a server"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
