"""Rows under purge: how statements leave them out, and who may call what deletes them."""

from typing import Final

# What a service may call, for the rows that it may not delete by itself.
FUNCTIONS: Final = ("public.purge_rows(bigint, text, int[], int[])", "public.forget_seed_rows()")


def stays(table: str, alias: str) -> str:
    """Write the condition that a row is not being deleted with all that hangs on it."""
    company = "id" if table == "Companies" else '"companyId"'
    return f"""NOT EXISTS (
  SELECT FROM "PurgedRows" purged
  JOIN "Purges" purge ON purge.id = purged."purgeId" AND purge."finishedAt" IS NULL
  WHERE purged."tableName" = '{table}' AND purged."companyId" = {alias}.{company}
    AND purged."rowId" = {alias}.id)"""
