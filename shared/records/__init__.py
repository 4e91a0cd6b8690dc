"""Saves and deletes rows of any table on request; docs/tables.md lists what each table allows."""
