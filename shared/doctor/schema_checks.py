"""Whether the schema is that of this version: revision, tables, indexes, what migrations left."""

from alembic.util import CommandError as MigrationError

from shared.db import migrations
from shared.db.leftovers import Kind, Leftover, find_leftovers
from shared.doctor.findings import Code, Examined, Finding, Severity, count
from shared.doctor.indexes import Missing, find_missing


async def find(examined: Examined) -> list[Finding]:
    """Compare the schema with the migrations, and if none is pending with the mapped tables."""
    running = [_find_running(each) for each in await migrations.list_sessions(examined.conn)]
    left = [_find_leftover(each) for each in await find_leftovers(examined.conn)]
    try:
        steps = await migrations.list_history(examined.settings.database.url)
    except MigrationError as error:
        return [_find_unknown_revision(error), *running, *left]
    if revision := judge_revision(steps):
        return [revision, *running, *left]
    return [*judge_missing(await find_missing(examined.conn)), *running, *left]


def judge_revision(steps: list[migrations.Revision]) -> Finding | None:
    """Return a finding if migrations are to come; None if the schema is complete."""
    pending = [step for step in steps if not step.applied]
    if not pending:
        return None
    if len(pending) == len(steps):
        return Finding(
            Code.SCHEMA_MISSING,
            Severity.ERROR,
            "The database has no tables of ChatIA Flow.",
            "No migration was applied here: the database is new, or another one than you mean.",
            "chatia db upgrade && chatia db seed && chatia db roles",
        )
    last = max(step.revision for step in steps if step.applied)
    return Finding(
        Code.MIGRATIONS_PENDING,
        Severity.ERROR,
        f"{count(len(pending), 'migration')} to come after {last}, "
        f"the next is {pending[0].revision} {pending[0].title}.",
        "The schema is older than this version of ChatIA Flow, whose workers expect the newer one.",
        "chatia db upgrade && chatia db roles",
    )


def judge_missing(missing: Missing) -> list[Finding]:
    """Return the findings for tables and indexes that were dropped by hand."""
    tables = [
        Finding(
            Code.TABLE_MISSING,
            Severity.ERROR,
            f"The table {table} is missing.",
            "Somebody dropped it: the migration that creates it is applied.",
            "pg_restore --table=NAME from a backup, then chatia db roles",
        )
        for table in missing.tables
    ]
    indexes = [
        Finding(
            Code.INDEX_MISSING,
            Severity.ERROR if index.is_unique else Severity.WARNING,
            f"The {'unique ' if index.is_unique else ''}index {index.name} of {index.table} is "
            "missing.",
            "Somebody dropped it, or a restore left it out. "
            + (
                "Without it a repeated record may be stored twice."
                if index.is_unique
                else "Without it, statements read whole tables."
            ),
            "chatia db reindex --missing",
        )
        for index in missing.indexes
    ]
    if missing.has_search_index:
        return tables + indexes
    is_buildable = missing.search_index is not None
    return [*tables, *indexes, _find_missing_search_index(is_buildable=is_buildable)]


def _find_missing_search_index(*, is_buildable: bool) -> Finding:
    cause = (
        "Somebody dropped it, or the extension pg_trgm came after the schema was upgraded"
        if is_buildable
        else "The extension pg_trgm is not there"
    )
    fix = "chatia db reindex --missing"
    extension = 'psql "$DATABASE_URL" -c "CREATE EXTENSION pg_trgm", then '
    return Finding(
        Code.SEARCH_INDEX_MISSING,
        Severity.NOTICE,
        "The search of messages has no index.",
        f"{cause}: a search reads the newest 10,000 messages of its company, and no older ones.",
        fix if is_buildable else extension + fix,
    )


def _find_unknown_revision(error: MigrationError) -> Finding:
    return Finding(
        Code.REVISION_UNKNOWN,
        Severity.ERROR,
        f"This version of ChatIA Flow does not know the schema's revision: {error}.",
        "A newer version has upgraded the database, or the table alembic_version was changed.",
        "chatia db current, with the version of ChatIA Flow that upgraded the database",
    )


def _find_running(session: str) -> Finding:
    return Finding(
        Code.MIGRATION_RUNNING,
        Severity.NOTICE,
        f"The schema is being changed by {session}.",
        "`chatia db upgrade`, `downgrade`, `repair` or `reindex` runs now.",
        "chatia db status",
    )


def _find_leftover(leftover: Leftover) -> Finding:
    busy = ", and perhaps being built now" if leftover.is_busy else ""
    severity = Severity.NOTICE if leftover.is_busy else Severity.WARNING
    cause = "A migration or a reindex was broken off half-way, or rows do not fit."
    if leftover.kind is Kind.INDEX:
        return Finding(
            Code.INDEX_INVALID,
            severity,
            f"The index {leftover} is invalid{busy}.",
            f"{cause} It costs writes and serves no query.",
            "chatia db repair",
        )
    return Finding(
        Code.CONSTRAINT_NOT_VALID,
        severity,
        f"The constraint {leftover} is NOT VALID{busy}.",
        f"{cause} Rows from before it may break it.",
        "chatia db repair",
    )
