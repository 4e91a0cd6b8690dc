"""What people ask about one company's tickets, messages and contacts: one statement each.

A function builds a `Query`, `Readers` opens a transaction that sees one company, and `fetch` runs
the query in it. Nothing here writes.
"""
