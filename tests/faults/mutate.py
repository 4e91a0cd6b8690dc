"""Good records spoiled at random: the same random source spoils them in the same way."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.support.any_records import AnyRecord

HUGE = 5_000_000  # bytes
NOBODY = 2_000_000_000  # a company that no row has
NO_TEXT = b"\xff\xfe\x80"
DEEP = 2_000  # lists in lists
OTHER_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**70, 1.5, 1e308, "", " ", "texto", "\x00", "\ud800", "😀" * 300,
    "x" * 70_000, [], [None], {}, {"a": {"b": [1]}}, "2026-99-99T99:99:99Z", "9" * 40,
)  # fmt: skip
OTHER_LITERALS = (b"NaN", b"-Infinity", b"1e99999", b"[" * DEEP + b"]" * DEEP, b"\xc3\x28", b"'a'")
HUGE_BODY, ANOTHER_TYPE = "5 MB", "another ce_type"
PLACEHOLDER = "a literal comes here"

Mutation = Callable[[Random, AnyRecord], AnyRecord]


def _with(record: AnyRecord, **members: Any) -> AnyRecord:
    given = {"key": record.key, "value": record.value, "headers": record.headers}
    return AnyRecord(**(given | members))


def _bits_flipped(random: Random, record: AnyRecord) -> AnyRecord:
    value = bytearray(record.value or b"")
    for _ in range(random.randint(1, 8)):
        value[random.randrange(len(value))] ^= 1 << random.randrange(8)
    return _with(record, value=bytes(value))


def _cut_off(random: Random, record: AnyRecord) -> AnyRecord:
    value = record.value or b""
    return _with(record, value=value[: random.randrange(len(value))])


def _of_another_type(random: Random, record: AnyRecord) -> AnyRecord:
    body = json.loads(record.value or b"{}")
    parent, member = random.choice(list(_members(body)))
    if random.random() < 0.8:
        parent[member] = random.choice(OTHER_VALUES)
        return _with(record, value=json.dumps(body).encode())
    parent[member] = PLACEHOLDER
    literal = random.choice(OTHER_LITERALS)
    return _with(record, value=json.dumps(body).encode().replace(_quoted(PLACEHOLDER), literal))


def _quoted(text: str) -> bytes:
    return json.dumps(text).encode()


def _members(body: Any) -> Sequence[tuple[Any, Any]]:
    """Give every place in a body, as its parent and its name or number in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [body]
    while waiting:
        parent = waiting.pop()
        names = parent if isinstance(parent, dict) else range(len(parent))
        for name in names:
            found.append((parent, name))
            if isinstance(parent[name], dict | list):
                waiting.append(parent[name])
    return found


def _without_a_member(random: Random, record: AnyRecord) -> AnyRecord:
    body = json.loads(record.value or b"{}")
    parent, member = random.choice(list(_members(body)))
    del parent[member]
    return _with(record, value=json.dumps(body).encode())


def _of_another_company(random: Random, record: AnyRecord) -> AnyRecord:
    body = json.loads(record.value or b"{}")
    if "companyId" in body:
        body["companyId"] = random.choice((0, body["companyId"] + 1, NOBODY))
    else:
        body["instance"] = random.choice(("ninguem", "", body["instance"] + "x"))
    value = json.dumps(body).encode()
    if random.random() < 0.5:
        return _with(record, value=value)
    kept = tuple(pair for pair in record.headers if pair[0] != b"ce_companyid")
    honest = (b"ce_companyid", str(body.get("companyId", "")).encode())
    return _with(record, value=value, headers=(*kept, honest))


def _another_type(random: Random, record: AnyRecord) -> AnyRecord:
    types = (b"chatia.message.recieved.v1", b"chatia.message.received.v9", b"", b"v1", b"\x00")
    kept = tuple(pair for pair in record.headers if pair[0] != b"ce_type")
    return _with(record, headers=(*kept, (b"ce_type", random.choice(types))))


def _null_header(random: Random, record: AnyRecord) -> AnyRecord:
    return _other_header(random, record, None)


def _binary_header(random: Random, record: AnyRecord) -> AnyRecord:
    return _other_header(random, record, NO_TEXT + random.randbytes(8))


def _other_header(random: Random, record: AnyRecord, value: bytes | None) -> AnyRecord:
    headers = list(record.headers or ((b"x", b""),))
    place = random.randrange(len(headers))
    headers[place] = (headers[place][0], value)
    return _with(record, headers=tuple(headers))


def _binary_header_name(random: Random, record: AnyRecord) -> AnyRecord:
    name = NO_TEXT + random.randbytes(random.randrange(20))
    return _with(record, headers=(*record.headers, (name, b"1")))


def _other_key(random: Random, record: AnyRecord) -> AnyRecord:
    keys = (None, b"", NO_TEXT, b"9" * 300, random.randbytes(20), b"1:\x00:2")
    return _with(record, key=random.choice(keys))


def _no_body(random: Random, record: AnyRecord) -> AnyRecord:
    return _with(record, value=random.choice((None, b"", b" ", b"null", b"[]", b"{}", b'"x"')))


def _any_bytes(random: Random, record: AnyRecord) -> AnyRecord:
    return _with(record, value=random.randbytes(random.randint(1, 600)))


def huge(random: Random, record: AnyRecord) -> AnyRecord:
    """Blow a record up to five million bytes, as readable text or as noise."""
    if random.random() < 0.3:
        return _with(record, value=random.randbytes(HUGE))
    body = json.loads(record.value or b"{}")
    texts = [place for place in _members(body) if isinstance(place[0][place[1]], str)]
    parent, member = random.choice(texts)
    parent[member] = "x" * HUGE
    return _with(record, value=json.dumps(body).encode())


def renewed(number: int, record: AnyRecord) -> AnyRecord:
    """Give a copy a message or recipient of its own, so that it becomes a row if it is readable."""
    body = json.loads(record.value or b"{}")
    key = _mapping(_mapping(body.get("data")).get("key"))
    if "id" in key:
        key["id"] = f"3EB0{number:012X}"
    elif "wid" in body:
        body["wid"] = f"3EB0{number:012X}"
    elif "campaignId" in body:
        body["number"] = f"55119{number:08}"
    return _with(record, value=json.dumps(body).encode())


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


MUTATIONS: dict[str, Mutation] = {
    "bits flipped": _bits_flipped,
    "cut off": _cut_off,
    "another type or value": _of_another_type,
    "a member missing": _without_a_member,
    "another company or line": _of_another_company,
    ANOTHER_TYPE: _another_type,
    "null header": _null_header,
    "binary header": _binary_header,
    "binary header name": _binary_header_name,
    "another key": _other_key,
    "no body": _no_body,
    "any bytes": _any_bytes,
}
