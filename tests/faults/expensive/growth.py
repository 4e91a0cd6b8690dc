"""Growing bodies: each gene is a number, and the same genes and size give the same body.

A grown part is a mark in the tree until its text is written, so that a body of megabytes is never a
tree of objects, and parts that are grown may lie in one another.
"""

import json
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from pydantic import JsonValue

NUMBER = "N"  # where the number of a copy comes
MARK = re.compile(r'"@@G([0-9]+)@@"(?::0)?')
FITTING_TRIES = 12
DEEPEST_NEST = 60

PATTERNS = (
    "a", "A", "aB", "a_", "-", "_", ".", "@", ":", "/", "=", "&a=", "<", "%5D", "%", "\\", '"',
    '\\"', "'", "[", "{", "]", "}", "\u0000", "\ud83d", "\udc00", "😀", "é", "ß", "İ", "ﬁ", " ",
    "\n", "\t", "\r\n", "9", "0", "-1", "1.", "QUJD", "+/", "a.b", "x@lid", "1:2@s.whatsapp.net,",
    "BEGIN:VCARD\n", "TEL;waid=5511999990000:+55 11\n", "END:VCARD\n", "item1.TEL;type=CELL:",
    "FN:", "http://a.b/", "token=x&", '"token":"', '\\\\"apikey\\\\":', "data:;base64,", "*", "~",
    "2026-", "1790000000", "null,", "true", "(a", "a|", "\u2028", "\u200b", "\uff41",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1.5, "", " ", "x", "\ud800", [], {}, {"0": 1}, [[]], "1790000000",
    "status@broadcast", "5511999990000@c.us", "120363000000000000@g.us", "9@lid",
    {"low": 1, "high": 2}, {"_serialized": "true_1@c.us_A"}, "data:image/png;base64,AA==",
)  # fmt: skip
NAMES = (
    "message", "messages", "quotedMessage", "contextInfo", "mentionedJid", "ephemeralMessage",
    "viewOnceMessage", "editedMessage", "protocolMessage", "reactions", "statuses", "contacts",
    "options", "rows", "tags", "payload", "data", "_data", "key", "id", "token", "errors", "items",
    "product_items", "sections", "participants", "recipients", "votes", "vcardList", "changes",
    "$ref", "$name", "$table", "customFields", "tagIds", "keys", "entry", "value", "update",
    "pollUpdates", "messageContextInfo", "jpegThumbnail", "interactive", "body", "caption",
)  # fmt: skip

Place = tuple[Any, Any]  # a parent, and the name or number in it


@dataclass(slots=True)
class Grown:
    """A part that is repeated until it has its share of the bytes."""

    unit: str  # JSON text, with marks of other parts and the number of a copy
    before: str = ""
    between: str = ","
    after: str = ""
    most: int = 10**9
    layers: int = 0  # how often it is text in text


@dataclass(slots=True)
class Growth:
    """A tree with marks, and what they stand for."""

    tree: list[Any]
    parts: list[Grown] = field(default_factory=list)

    def mark(self, part: Grown) -> str:
        """Note a part; the mark is a string or, with a 0, a member in the tree."""
        self.parts.append(part)
        return f"@@G{len(self.parts) - 1}@@"


def grow_body(body: JsonValue, genes: Sequence[int], size: int, others: Sequence[JsonValue]) -> str:
    """Apply genes to a body and write it, with about as many bytes as are wanted."""
    growth = Growth([json.loads(json.dumps(body))])
    for gene in genes:
        KINDS[gene % len(KINDS)](growth, Random(gene), others)
    text = _dump(growth.tree[0])
    return _fit_size(growth.parts, text, size)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _list_places(value: Any) -> list[Place]:
    """Return every place in a tree that is no mark."""
    found: list[Place] = []
    waiting = [value]
    while waiting:
        parent = waiting.pop()
        for name in parent if isinstance(parent, dict) else range(len(parent)):
            if not _is_mark(name) and not _is_mark(parent[name]):
                found.append((parent, name))
                if isinstance(parent[name], dict | list):
                    waiting.append(parent[name])
    return found


def _is_mark(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("@@G")


def _choose_place(growth: Growth, random: Random, kind: type | tuple[type, ...] = object) -> Place:
    """Choose a place that holds a value of a kind, lists and what is in them more often."""
    places = _list_places(growth.tree) or [(growth.tree, 0)]
    fitting = [place for place in places if isinstance(place[0][place[1]], kind)] or places
    in_lists = [p for p in fitting if isinstance(p[0], list) and p[0] is not growth.tree]
    return random.choice(in_lists if in_lists and random.random() < 0.5 else fitting)


def _number_copies(random: Random, value: Any) -> str:
    """Write a value in which one text, mostly, has the number of the copy behind it."""
    copy = json.loads(json.dumps([value]))
    texts = [p for p in _list_places(copy) if isinstance(p[0][p[1]], str | int)]
    for parent, name in random.sample(texts, min(len(texts), random.choice((0, 1, 1, 2, 9)))):
        parent[name] = f"{parent[name]}{NUMBER}"
    return _dump(copy[0])


def _repeat(growth: Growth, random: Random, _: Sequence[JsonValue]) -> None:
    """Repeat an element, or make a list of a value, whose copies differ or do not."""
    parent, name = _choose_place(growth, random, (dict, list, str))
    unit = _number_copies(random, parent[name])
    if isinstance(parent, list) and parent is not growth.tree:
        parent.insert(name, growth.mark(Grown(unit)))
    else:
        parent[name] = growth.mark(Grown(unit, "[", ",", "]"))


def _more_members(growth: Growth, random: Random, _: Sequence[JsonValue]) -> None:
    """Add members, whose names are numbers, long or the same, to an object."""
    parent, name = _choose_place(growth, random, dict)
    if not isinstance(parent[name], dict):
        parent[name] = {}
    value = _any_value(growth, random)
    if random.random() < 0.3:
        name_text = NUMBER  # an array of bytes as some bridges write it
    else:
        piece = random.choice((*PATTERNS, *NAMES))
        name_text = piece * random.choice(
            (1, 1, 10, 100, 1_000 // len(piece.encode("utf-8", "replace")) or 1)
        )
        name_text += NUMBER if random.random() < 0.8 else ""
    unit = f"{json.dumps(name_text)}:{_number_copies(random, value)}"
    parent[name][growth.mark(Grown(unit))] = 0


def _any_value(growth: Growth, random: Random) -> Any:
    if random.random() < 0.6:
        return random.choice((*ODD, 1, "a"))
    parent, name = _choose_place(growth, random)
    return parent[name]


def _lengthen(growth: Growth, random: Random, _: Sequence[JsonValue]) -> None:
    """Make a text long."""
    parent, name = _choose_place(growth, random, str)
    pieces = random.choices(PATTERNS, k=random.choice((1, 1, 2, 3)))
    kept = parent[name] if isinstance(parent[name], str) and random.random() < 0.7 else ""
    before, after = (kept, "") if random.random() < 0.7 else ("", kept)
    part = Grown(
        _inside("".join(pieces)), f'"{_inside(before)}', "",
        f'{_inside(after)}{_inside(random.choice(("", "", random.choice(PATTERNS))))}"',
    )  # fmt: skip
    parent[name] = growth.mark(part)


def _inside(text: str) -> str:
    return json.dumps(text)[1:-1]


def _nest(growth: Growth, random: Random, _: Sequence[JsonValue]) -> None:
    """Nest a value in objects or lists, and repeat that."""
    parent, name = _choose_place(growth, random)
    depth = random.choice((2, 10, DEEPEST_NEST // 2, DEEPEST_NEST - 8))
    if random.random() < 0.3:
        opening, closing = "[", "]"
    else:
        named = name if isinstance(name, str) and random.random() < 0.5 else random.choice(NAMES)
        opening, closing = f"{{{json.dumps(named)}:", "}"
    unit = opening * depth + _number_copies(random, parent[name]) + closing * depth
    if isinstance(parent, list) and parent is not growth.tree:
        parent.insert(name, growth.mark(Grown(unit)))
    elif random.random() < 0.5:
        parent[name] = growth.mark(Grown(unit, most=1))
    else:
        parent[name] = growth.mark(Grown(unit, "[", ",", "]"))


def _as_text(growth: Growth, random: Random, _: Sequence[JsonValue]) -> None:
    """Write a value as JSON text, or as text in text in text, with copies of it in a list."""
    parent, name = _choose_place(growth, random, (dict, list, str))
    unit = _number_copies(random, _without_marks(parent[name]))
    layers = random.choice((1, 1, 2, 3, 4))
    parent[name] = growth.mark(Grown(unit, "[", ",", "]", layers=layers))


def _without_marks(value: Any) -> Any:
    return json.loads(MARK.sub('"m"', re.sub(r'"@@G[0-9]+@@":0', '"m":0', _dump(value))))


def _long_number(growth: Growth, random: Random, _: Sequence[JsonValue]) -> None:
    """Replace a value by a number of many digits."""
    parent, name = _choose_place(growth, random, (int, str))
    most = random.choice((300, 4_000, 10**9))
    before, after = random.choice((("1", ""), ("-1", ""), ("1.", ""), ("1", ".5"), ("1", "e5")))
    parent[name] = growth.mark(Grown(random.choice("019"), before, "", after, most))


def _replace(growth: Growth, random: Random, _: Sequence[JsonValue]) -> None:
    """Replace a value by an odd one."""
    parent, name = _choose_place(growth, random)
    parent[name] = deepcopy(random.choice(ODD))


def _cross(growth: Growth, random: Random, others: Sequence[JsonValue]) -> None:
    """Copy a part of another body, under its name there."""
    theirs, name = random.choice(_list_places([random.choice(others)]))
    taken = deepcopy(theirs[name])
    parent, mine = _choose_place(growth, random, dict)
    if isinstance(parent[mine], dict):
        parent[mine][name if isinstance(name, str) else random.choice(NAMES)] = taken
    else:
        parent[mine] = taken


Gene = Callable[[Growth, Random, Sequence[JsonValue]], None]
KINDS: tuple[Gene, ...] = (
    _repeat, _repeat, _more_members, _lengthen, _nest, _as_text, _repeat, _more_members,
    _lengthen, _cross, _replace, _long_number,
)  # fmt: skip


def _fit_size(parts: Sequence[Grown], text: str, size: int) -> str:
    """Repeat all parts until the text has the wanted size."""
    share, long = size / max(1, len(parts)), 0.0
    for _ in range(FITTING_TRIES):
        lengths: dict[int, float] = {}
        long = _length(parts, text, share, lengths)
        if 0.8 * size <= long <= size:
            break
        share *= min(4.0, max(0.05, 0.93 * size / long)) ** (1 if len(parts) < 2 else 0.6)
    if long > 1.2 * size:
        return MARK.sub("0", text)[:size]
    return _write_parts(parts, text, share)


def _count(part: Grown, share: float) -> int:
    return max(1, min(part.most, int(share / (len(part.unit) + len(part.between)))))


def _length(parts: Sequence[Grown], text: str, share: float, known: dict[int, float]) -> float:
    total = float(len(MARK.sub("", text)))
    for found in MARK.finditer(text):
        number = int(found[1])
        if number not in known:
            part = parts[number]
            known[number] = 0.0
            one = _length(parts, part.unit, share, known) + len(part.between)
            quoting = 1 + 0.2 * 2**part.layers if part.layers else 1.0
            known[number] = one * _count(part, share) * quoting
        total += known[number]
    return total


def _write_parts(parts: Sequence[Grown], text: str, share: float) -> str:
    def write(found: re.Match[str]) -> str:
        part = parts[int(found[1])]
        unit = _write_parts(parts, part.unit, share)
        count = _count(part, share)
        pieces = unit.split(NUMBER)
        copies = [unit] * count if len(pieces) == 1 else [str(n).join(pieces) for n in range(count)]
        written = part.before + part.between.join(copies) + part.after
        for _ in range(part.layers):
            written = json.dumps(written)
        return written

    return MARK.sub(write, text)
