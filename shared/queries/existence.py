"""Whether the rows exist that a question names, so that no answer is empty for a wrong id."""

from collections.abc import Mapping
from typing import Final

from shared.queries.query import Query, Rows

TABLES: Final = {
    "contact": "Contacts",
    "line": "Whatsapps",
    "message": "Messages",
    "queue": "Queues",
    "tag": "Tags",
    "ticket": "Tickets",
    "user": "Users",
}


def build_missing(company: int, named: Mapping[str, int | None]) -> Query[list[str]]:
    """Build the question which of these rows a company does not have, by the names of `TABLES`.

    An id that is None names nothing.
    """
    given = {name: number for name, number in named.items() if number is not None}
    parts = [
        f"""SELECT '{name}' AS name WHERE NOT EXISTS (
  SELECT FROM "{TABLES[name]}" WHERE "companyId" = :company AND id = :{name})"""
        for name in given
    ]
    sql = "\nUNION ALL\n".join(parts) or "SELECT '' AS name WHERE FALSE"
    return Query(sql, {"company": company, **given}, _read_names)


def _read_names(rows: Rows) -> list[str]:
    return [row.name for row in rows]
