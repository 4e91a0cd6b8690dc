"""Blanks the literals of a statement, which may be data of tenants: texts, numbers, comments."""

import re

BLANK = "?"

# One token after another, each as long as it gets, so that the time is linear. A statement that
# Postgres has cut off may end inside of a token, which then goes on to the end.
TOKEN = re.compile(
    r"""
    (?P<name>"(?:[^"]|"")*+(?:"|\Z))
  | (?P<parameter>\$[0-9]++)
  | (?P<comment>--[^\n]*+|/\*.*\*/|/\*.*)
  | (?P<escaped>[eE]'(?:[^'\\]|''|\\.)*+(?:\\?\Z|'))
  | (?P<text>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*+(?:'|\Z))
  | (?P<dollar>\$(?P<tag>[^\W\d]\w*+|)\$(?:.*?\$(?P=tag)\$|.*))
  | (?P<number>(?:[0-9]|\.[0-9])[\w.]*+)
  | (?P<word>[^\W\d][\w$]*+)
  | (?P<space>\s++)
    """,
    re.VERBOSE | re.DOTALL,
)
PLAIN_NAME = re.compile(r'"[A-Za-z_]\w*"')
KEPT = ("parameter", "word")


def blank_literals(sql: str) -> str:
    """Return a statement on one line, with `?` for each literal and without comments.

    Names in quotes stay if they could be names of our tables; parameters such as `$1` stay.
    """
    return " ".join(TOKEN.sub(_replace, sql).split())


def _replace(token: re.Match[str]) -> str:
    kind = token.lastgroup
    if kind in KEPT or (kind == "name" and PLAIN_NAME.fullmatch(token[0])):
        return token[0]
    return " " if kind in {"space", "comment"} else BLANK
