"""Rows under purge: whose tables they are of, and how statements leave them out."""

from typing import Final

from shared.schema import OWNERS

# Deleting one of these takes rows of other owners along: a purge, in which each does its part.
PURGED: Final = ("Companies", "Whatsapps", "Contacts", "Tickets", "Users", "Queues")

# The history of a contact is what hangs on its tickets.
HISTORY_OF: Final = {"Contacts": "Tickets"}

# What deletes the rows that services may not delete by themselves, and what clears up after it.
PURGE_ROWS: Final = "public.purge_rows(bigint, text, int[], int[])"
FORGET_SEED_ROWS: Final = "public.forget_seed_rows()"


def begun_by(service: str) -> tuple[str, ...]:
    """Name the tables whose rows a service may put under purge."""
    own = {table for table in PURGED if OWNERS[table] == service}
    return tuple(sorted(own | {HISTORY_OF[table] for table in own if table in HISTORY_OF}))


def stays(table: str, alias: str) -> str:
    """Write the condition that a row is not being deleted with all that hangs on it."""
    company = "id" if table == "Companies" else '"companyId"'
    return f"""NOT EXISTS (
  SELECT FROM "PurgedRows" purged
  JOIN "Purges" purge ON purge.id = purged."purgeId" AND purge."finishedAt" IS NULL
  WHERE purged."tableName" = '{table}' AND purged."companyId" = {alias}.{company}
    AND purged."rowId" = {alias}.id)"""
