"""Writes docs/tables.md: `python -m shared.records.page`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.db.purged import PURGED
from shared.records.hanging import COMPANY, steps_of
from shared.records.rights import (
    LIMITED,
    NEVER,
    PLATFORMS_WORD,
    RULES_WRITE,
    SOFTLY,
    STAY,
)
from shared.records.tables import RecordTable, tables
from shared.schema import SERVICES, metadata

PAGE: Final = Path(__file__).parents[2] / "docs" / "tables.md"

OPENING: Final = """\
# The tables, and how their rows are saved and deleted by events

Written by `python -m shared.records.page` from the mapped tables; a test compares it.

`record.save` and `record.delete` on `chatia.<owner>.requests`, key `companyId:table`: `table`,
`rows` (at most 1,000, which take effect together or not at all), `requestId`, `actor`. The answer
is a fact on `chatia.record.changed`: `record.saved` or `record.deleted` with the keys, or
`record.refused` with a sentence. `chatia record` publishes a request and waits for its answer:

```
echo '{"name": "Vendas", "color": "#0a7"}' | chatia record save Queues - --company 1
```

- A row is found by its id, or by its natural key; else it is new, and its id is drawn. Columns
  that are not named stay, or get their defaults.
- A row may name another table of the same owner in `$table`. One that has a `$name` can be pointed
  to by later rows of its request: `{"$ref": name}`.
- `companyId` is the request's; only the platform, company 0, names it in rows.
- *Rules write* are columns that change by the request or event named, and are refused here;
  *stay* are those that only a new row may name.
- Where deleting goes *in steps*, `purge.begun` is told at once and `record.deleted` at the end,
  with the number of rows that went, by table; such rows are asked for in a request of their own
  ([operating](operating.md)).
- *At most*: longer text is refused, with a sentence that names the column and its limit. Other text
  may be as long as its request. Of names that do not exist a sentence repeats 100 characters.
- *Goes with*: deleting that row deletes this one. *Forgets*: deleting that row leaves NULL.
"""


def page() -> str:
    """Give the whole text."""
    parts = [OPENING]
    for owner in SERVICES:
        of_owner = [table for table in tables().values() if table.owner == owner]
        parts.append(f"## {owner}\n")
        parts += ["\n".join(_described(table)) + "\n" for table in sorted(of_owner, key=_name)]
    return "\n".join(parts)


def _name(table: RecordTable) -> str:
    return table.name


def _described(table: RecordTable) -> Iterator[str]:
    yield f"### {table.name}\n"
    if table.company is None:
        yield "- the platform's: asked about as company 0"
    elif table.is_shared:
        yield "- a company's, or the platform's where there is none"
    if table.natural:
        yield f"- natural key: {', '.join(table.natural)}"
    if not table.has_id:
        yield f"- key: {', '.join(table.key)}"
    yield f"- needed: {', '.join(table.wanted) or 'nothing'}"
    refused = {*RULES_WRITE.get(table.name, ()), *NEVER.get(table.name, ())}
    others = [c for c in table.writable if c not in refused and c not in table.wanted]
    yield f"- may be named: {', '.join(others) or 'nothing more'}"
    yield from _lengths(table)
    yield from _rights(table)
    yield from _cascades(table)


def _lengths(table: RecordTable) -> Iterator[str]:
    for length in sorted({c.longest for c in table.columns.values() if c.longest}):
        listed = [name for name in table.writable if table.columns[name].longest == length]
        if listed:
            yield f"- at most {length} characters: {', '.join(listed)}"


def _rights(table: RecordTable) -> Iterator[str]:
    for word, rights in (("rules write", RULES_WRITE), ("stay", STAY)):
        if table.name in rights:
            listed = ", ".join(f"{c} ({instead})" for c, instead in rights[table.name].items())
            yield f"- {word}: {listed}"
    if table.name in PLATFORMS_WORD:
        yield f"- the platform's word: {', '.join(PLATFORMS_WORD[table.name])}"
    if table.name in NEVER:
        yield f"- never in an event: {', '.join(NEVER[table.name])}"
    if table.name in LIMITED:
        yield f'- as many as "Plans".{LIMITED[table.name]} of the company\'s plan says'
    if table.name == SOFTLY:
        yield (
            "- deleting: only `active` becomes false; with `$history` its tickets and all that "
            "hangs on them are deleted in steps"
        )
    elif table.name in PURGED:
        yield f"- deleting: in steps, with {_taken_along(table.name)}"


def _taken_along(name: str) -> str:
    steps = steps_of(name)[:-1]
    if name == COMPANY:
        return "every row that names the company, and nothing of it is taken in any more"
    return ", ".join(sorted(step.table for step in steps if step.what == "delete"))


def _cascades(table: RecordTable) -> Iterator[str]:
    keys = metadata.tables[table.name].foreign_key_constraints
    listed = sorted(
        (key.ondelete == "CASCADE", f"{key.referred_table.name} ({key.column_keys[-1]})")
        for key in keys
    )
    with_it = [named for cascades, named in listed if cascades]
    forgotten = [named for cascades, named in listed if not cascades]
    if with_it:
        yield f"- goes with: {', '.join(with_it)}"
    if forgotten:
        yield f"- forgets: {', '.join(forgotten)}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
