"""Says which tables a statement of a migration locks, how, and what it does with their rows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import pairwise


class Lock(IntEnum):
    """Postgres' lock modes that migrations take, the strongest last."""

    ACCESS_SHARE = 1
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    ACCESS_EXCLUSIVE = 8

    @property
    def words(self) -> str:
        """Return the name of Postgres' documentation."""
        return self.name.replace("_", " ")

    @property
    def blocks(self) -> str:
        """Return what other sessions cannot do meanwhile."""
        if self is Lock.ACCESS_EXCLUSIVE:
            return "reads and writes"
        return "writes" if self >= Lock.SHARE else "nothing"


class Work(Enum):
    """What a statement does with the rows of a table; the time depends on it."""

    INSTANT = "changes the catalog only"
    SCAN = "reads all rows"
    CHANGE = "changes rows"
    INDEX = "builds an index"
    WORD_INDEX = "builds a GIN index"
    REWRITE = "rewrites the table"
    UNKNOWN = "is not known to this command: read the migration"


@dataclass(frozen=True, slots=True)
class Effect:
    """A lock on a table, and the work on its rows; an unknown statement has no table."""

    table: str
    lock: Lock
    work: Work


@dataclass(frozen=True, slots=True)
class Catalog:
    """What statements name without their tables: the table of an index, of a foreign key."""

    index_tables: Mapping[str, str]
    referred_tables: Mapping[tuple[str, str], str]  # by table and constraint


UNKNOWN = Effect("", Lock.ACCESS_EXCLUSIVE, Work.UNKNOWN)

_EXCLUSIVE, _WRITES = Lock.ACCESS_EXCLUSIVE, Lock.SHARE_ROW_EXCLUSIVE
_SHARED, _ROWS = Lock.SHARE_UPDATE_EXCLUSIVE, Lock.ROW_EXCLUSIVE
_TOKEN = re.compile(r"""--[^\n]*|"[^"]*"|'[^']*'|\w+|[^\s\w]""")
_IF_EXISTS = re.compile(r"\bIF\s+EXISTS\b", re.IGNORECASE)
_COMMENT = "--"
_NOISE = (("IF", "NOT", "EXISTS"), ("IF", "EXISTS"), ("ONLY",), ("PUBLIC", "."))
_LEAST_COLUMN = 3  # words: ADD, a name and a type

# Beginnings of statements that lock no table of ours.
_NOT_LOCKING = (
    *("SET", "RESET", "BEGIN", "COMMIT", "SELECT", "GRANT", "REVOKE", "COMMENT", "ANALYZE"),
    *("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", "ALTER FUNCTION", "DROP FUNCTION"),
    *("CREATE EXTENSION", "CREATE SEQUENCE", "DROP SEQUENCE", "CREATE TYPE", "DROP TYPE"),
    "DROP STATISTICS",  # it blocks only an ANALYZE of the table, which it does not name
    *("CREATE TABLE ALEMBIC_VERSION", "DROP TABLE ALEMBIC_VERSION"),
    *("INSERT INTO ALEMBIC_VERSION", "UPDATE ALEMBIC_VERSION", "DELETE FROM ALEMBIC_VERSION"),
)

# Beginnings of statements about the table that follows.
_SIMPLE: tuple[tuple[str, Lock, Work], ...] = (
    ("UPDATE", _ROWS, Work.CHANGE),
    ("DELETE FROM", _ROWS, Work.CHANGE),
    ("INSERT INTO", _ROWS, Work.INSTANT),
    ("DROP TABLE", _EXCLUSIVE, Work.INSTANT),
    ("TRUNCATE TABLE", _EXCLUSIVE, Work.INSTANT),
)

# Beginnings of statements about the table that follows their first ON.
_OF_TABLES: tuple[tuple[str, Lock], ...] = (
    ("CREATE TRIGGER", _WRITES),
    ("CREATE CONSTRAINT TRIGGER", _WRITES),
    ("DROP TRIGGER", _EXCLUSIVE),
    ("CREATE POLICY", _EXCLUSIVE),
    ("ALTER POLICY", _EXCLUSIVE),
    ("DROP POLICY", _EXCLUSIVE),
)

# Actions of ALTER TABLE: how they begin, what else is in them. The first that fits counts.
_ACTIONS: tuple[tuple[str, tuple[str, ...], Lock, Work], ...] = (
    ("VALIDATE", (), _SHARED, Work.SCAN),
    ("ADD", ("FOREIGN", "NOT VALID"), _WRITES, Work.INSTANT),
    ("ADD", ("FOREIGN",), _WRITES, Work.SCAN),
    ("ADD", ("NOT VALID",), _EXCLUSIVE, Work.INSTANT),
    ("ADD", ("USING INDEX",), _EXCLUSIVE, Work.INSTANT),
    ("ADD", ("UNIQUE",), _EXCLUSIVE, Work.INDEX),
    ("ADD", ("PRIMARY",), _EXCLUSIVE, Work.INDEX),
    ("ADD", ("EXCLUDE",), _EXCLUSIVE, Work.INDEX),
    ("ADD", ("CHECK",), _EXCLUSIVE, Work.SCAN),
    ("ALTER", ("TYPE",), _EXCLUSIVE, Work.REWRITE),
    ("ALTER", ("SET NOT NULL",), _EXCLUSIVE, Work.SCAN),
    ("ALTER", ("SET STATISTICS",), _SHARED, Work.INSTANT),
    ("SET", ("(",), _SHARED, Work.INSTANT),
    *(
        (word, (), _EXCLUSIVE, Work.INSTANT)
        for word in ("ADD", "ALTER", "DROP", "RENAME", "ENABLE", "DISABLE", "FORCE", "OWNER")
    ),
)
_STORED = {"SERIAL", "BIGSERIAL", "IDENTITY", "STORED"}  # columns that are filled row by row


def find_created_table(statement: str) -> str | None:
    """Return the name of the table that a statement creates, if it does."""
    words = _read_tokens(statement)
    return _name(words, 2) if _begins(words, "CREATE TABLE") else None


def find_created_index(statement: str) -> tuple[str, str] | None:
    """Return the names of the index that a statement creates, if it does, and of its table."""
    words = _drop_index_options(_read_tokens(statement))
    if not _begins(words, "CREATE INDEX") or "ON" not in words:
        return None
    return _name(words, 2), _name(words, words.index("ON") + 1)


def classify(statement: str, catalog: Catalog) -> list[Effect]:
    """Return the effects of a statement on tables; none if it locks none.

    A statement of an unknown kind has the effect UNKNOWN. An ALTER COLUMN TYPE counts as a rewrite,
    though some types are changed without one. DROP and ALTER INDEX IF EXISTS of an index that the
    catalog does not have lock nothing.
    """
    if _names_no_index(statement, catalog):
        return []
    return _classify(_read_tokens(statement), catalog)


def _classify(words: Sequence[str], catalog: Catalog) -> list[Effect]:
    if not words or any(_begins(words, each) for each in _NOT_LOCKING):
        return []
    if _begins(words, "DO"):
        return list(_classify_block(words, catalog))
    if _begins(words, "ALTER TABLE"):
        return list(_classify_alter(_name(words, 2), words[3:], catalog))
    if _begins(words, "CREATE TABLE"):
        return list(_find_referred(words))
    return _classify_index(words, catalog) or _classify_simple(words) or [UNKNOWN]


def _read_tokens(statement: str) -> list[str]:
    """Return words, quoted names, texts and signs; words in capitals, comments left out."""
    found = [word for word in _TOKEN.findall(statement) if not word.startswith(_COMMENT)]
    words = [word if word[0] in "\"'" else word.upper() for word in found]
    while words and words[-1] == ";":
        words.pop()
    return _drop_noise(words)


def _drop_noise(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    at = 0
    while at < len(words):
        noise = next((each for each in _NOISE if tuple(words[at : at + len(each)]) == each), ())
        if not noise:
            kept.append(words[at])
        at += len(noise) or 1
    return kept


def _begins(words: Sequence[str], beginning: str) -> bool:
    return beginning.split() == list(words[: _count(beginning)])


def _count(beginning: str) -> int:
    return beginning.count(" ") + 1


def _name(words: Sequence[str], at: int) -> str:
    """Return a name as the catalog has it: without quotes, a bare one in small letters."""
    word = words[at] if at < len(words) else ""
    return word.strip('"') if word.startswith('"') else word.lower()


def _holds(words: Sequence[str], phrase: str) -> bool:
    return f" {phrase} " in f" {' '.join(words)} "


def _drop_index_options(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in {"UNIQUE", "CONCURRENTLY"}]


def _names_no_index(statement: str, catalog: Catalog) -> bool:
    words = _drop_index_options(_read_tokens(statement))
    is_optional = _IF_EXISTS.search(statement) is not None
    return (
        (_begins(words, "DROP INDEX") or _begins(words, "ALTER INDEX"))
        and is_optional
        and _name(words, 2) not in (catalog.index_tables)
    )


def _classify_index(words: Sequence[str], catalog: Catalog) -> list[Effect]:
    is_concurrent = "CONCURRENTLY" in words
    words = _drop_index_options(words)
    if _begins(words, "CREATE INDEX") and "ON" in words:
        method = words[words.index("USING") + 1] if "USING" in words else "BTREE"
        work = Work.WORD_INDEX if method in {"GIN", "GIST"} else Work.INDEX
        table = _name(words, words.index("ON") + 1)
        return [Effect(table, _SHARED if is_concurrent else Lock.SHARE, work)]
    if _begins(words, "DROP INDEX"):
        table = catalog.index_tables.get(_name(words, 2), "")
        lock = _SHARED if is_concurrent else _EXCLUSIVE
        return [Effect(table, lock, Work.INSTANT)] if table else [UNKNOWN]
    if _begins(words, "ALTER INDEX") and _holds(words, "SET STATISTICS"):
        table = catalog.index_tables.get(_name(words, 2), "")
        return [Effect(table, _SHARED, Work.INSTANT)] if table else [UNKNOWN]
    return []


def _classify_simple(words: Sequence[str]) -> list[Effect]:
    if _begins(words, "CREATE STATISTICS") and "FROM" in words:
        return [Effect(_name(words, words.index("FROM") + 1), _SHARED, Work.INSTANT)]
    for beginning, lock, work in _SIMPLE:
        if _begins(words, beginning):
            return [Effect(_name(words, _count(beginning)), lock, work)]
    for beginning, lock in _OF_TABLES:
        if _begins(words, beginning) and "ON" in words:
            return [Effect(_name(words, words.index("ON") + 1), lock, Work.INSTANT)]
    return []


def _classify_alter(table: str, actions: Sequence[str], catalog: Catalog) -> Iterator[Effect]:
    for action in _split_actions(actions):
        yield _classify_action(table, action)
        yield from _find_referred(action)
        if _begins(action, "DROP CONSTRAINT"):
            referred = catalog.referred_tables.get((table, _name(action, 2)))
            if referred:
                yield Effect(referred, _EXCLUSIVE, Work.INSTANT)


def _classify_action(table: str, action: Sequence[str]) -> Effect:
    for beginning, phrases, lock, work in _ACTIONS:
        if _begins(action, beginning) and all(_holds(action, each) for each in phrases):
            is_filled = work is Work.INSTANT and _is_filled_column(action)
            return Effect(table, lock, Work.REWRITE if is_filled else work)
    return UNKNOWN


def _is_filled_column(action: Sequence[str]) -> bool:
    """Return whether an action adds a column whose values differ by row: a sequence, a function."""
    if not _begins(action, "ADD") or "CONSTRAINT" in action or len(action) < _LEAST_COLUMN:
        return False
    default = action[action.index("DEFAULT") :] if "DEFAULT" in action else ()
    calls = {before for before, sign in pairwise(default) if sign == "("}
    return bool(_STORED & set(action)) or bool(calls - {"NOW"})


def _find_referred(words: Sequence[str]) -> Iterator[Effect]:
    """Yield the tables that foreign keys refer to: they are locked against writes."""
    for at, word in enumerate(words):
        if word == "REFERENCES":
            yield Effect(_name(words, at + 1), _WRITES, Work.INSTANT)


def _classify_block(words: Sequence[str], catalog: Catalog) -> Iterator[Effect]:
    """Yield the effects of the statements in a DO block, and the tables that it reads."""
    part: list[str] = []
    for word in (*words, ";"):
        if word != ";":
            part.append(word)
            continue
        begun = (at for at, word in enumerate(part) if word in {"ALTER", "CREATE", "UPDATE"})
        if (first := next(begun, None)) is not None:
            yield from _classify(part[first:], catalog)
        else:
            yield from _find_read(part)
        part = []


def _find_read(words: Sequence[str]) -> Iterator[Effect]:
    for word, following in pairwise(words):
        if word in {"FROM", "JOIN"} and following != "(":
            yield Effect(_name([following], 0), Lock.ACCESS_SHARE, Work.SCAN)


def _split_actions(actions: Sequence[str]) -> Iterator[list[str]]:
    """Split at commas that are in no parentheses."""
    depth, part = 0, list[str]()
    for word in actions:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "," and depth == 0:
            yield part
            part = []
        else:
            part.append(word)
    yield part
