"""Purges: tables whose rows are deleted in steps, and how SQL excludes rows of open purges."""

from typing import Final

from shared.schema import OWNERS

# Deleting a row of these tables is a purge: each service deletes its own dependent rows.
PURGED_TABLES: Final = ("Companies", "Whatsapps", "Contacts", "Tickets", "Users", "Queues")

# Tables whose old rows go by retention, in portions that are found by their time.
RETAINED_TABLES: Final = ("Messages", "Tickets")

# The history of a contact is its tickets, with all rows that depend on them.
HISTORY_OF: Final = {"Contacts": "Tickets"}

# Functions that delete what services may not delete themselves.
PURGE_ROWS: Final = "public.purge_rows(bigint, text, int[], int[])"
PURGE_OLD_TICKETS: Final = "public.purge_old_tickets(bigint, int[])"
FORGET_SEED_ROWS: Final = "public.forget_seed_rows()"


def list_purge_roots(service: str) -> tuple[str, ...]:
    """Return the tables whose rows a service may purge."""
    own = {table for table in (*PURGED_TABLES, *RETAINED_TABLES) if OWNERS[table] == service}
    return tuple(sorted(own | {HISTORY_OF[table] for table in own if table in HISTORY_OF}))


def exclude_purged(table: str, alias: str) -> str:
    """Return the SQL condition that a row is in no open purge."""
    company = "id" if table == "Companies" else '"companyId"'
    return f"""NOT EXISTS (
  SELECT FROM "PurgedRows" purged
  JOIN "Purges" purge ON purge.id = purged."purgeId" AND purge."finishedAt" IS NULL
  WHERE purged."tableName" = '{table}' AND purged."companyId" = {alias}.{company}
    AND purged."rowId" = {alias}.id)"""
