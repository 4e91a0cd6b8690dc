"""Random mutations of good records; the same random source gives the same."""

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


def _copy_with(record: AnyRecord, **members: Any) -> AnyRecord:
    given = {"key": record.key, "value": record.value, "headers": record.headers}
    return AnyRecord(**(given | members))


def _flip_bits(random: Random, record: AnyRecord) -> AnyRecord:
    value = bytearray(record.value or b"")
    for _ in range(random.randint(1, 8)):
        value[random.randrange(len(value))] ^= 1 << random.randrange(8)
    return _copy_with(record, value=bytes(value))


def _cut_off_end(random: Random, record: AnyRecord) -> AnyRecord:
    value = record.value or b""
    return _copy_with(record, value=value[: random.randrange(len(value))])


def _change_value(random: Random, record: AnyRecord) -> AnyRecord:
    body = json.loads(record.value or b"{}")
    parent, member = random.choice(list(_list_members(body)))
    if random.random() < 0.8:
        parent[member] = random.choice(OTHER_VALUES)
        return _copy_with(record, value=json.dumps(body).encode())
    parent[member] = PLACEHOLDER
    literal = random.choice(OTHER_LITERALS)
    return _copy_with(record, value=json.dumps(body).encode().replace(_quote(PLACEHOLDER), literal))


def _quote(text: str) -> bytes:
    return json.dumps(text).encode()


def _list_members(body: Any) -> Sequence[tuple[Any, Any]]:
    """Return every member of a body as its parent and its name or index."""
    places: list[tuple[Any, Any]] = []
    waiting = [body]
    while waiting:
        parent = waiting.pop()
        names = parent if isinstance(parent, dict) else range(len(parent))
        for name in names:
            places.append((parent, name))
            if isinstance(parent[name], dict | list):
                waiting.append(parent[name])
    return places


def _remove_member(random: Random, record: AnyRecord) -> AnyRecord:
    body = json.loads(record.value or b"{}")
    parent, member = random.choice(list(_list_members(body)))
    del parent[member]
    return _copy_with(record, value=json.dumps(body).encode())


def _change_company(random: Random, record: AnyRecord) -> AnyRecord:
    body = json.loads(record.value or b"{}")
    if "companyId" in body:
        body["companyId"] = random.choice((0, body["companyId"] + 1, NOBODY))
    else:
        body["instance"] = random.choice(("ninguem", "", body["instance"] + "x"))
    value = json.dumps(body).encode()
    if random.random() < 0.5:
        return _copy_with(record, value=value)
    kept = tuple(pair for pair in record.headers if pair[0] != b"ce_companyid")
    honest = (b"ce_companyid", str(body.get("companyId", "")).encode())
    return _copy_with(record, value=value, headers=(*kept, honest))


def _change_type(random: Random, record: AnyRecord) -> AnyRecord:
    types = (b"chatia.message.recieved.v1", b"chatia.message.received.v9", b"", b"v1", b"\x00")
    kept = tuple(pair for pair in record.headers if pair[0] != b"ce_type")
    return _copy_with(record, headers=(*kept, (b"ce_type", random.choice(types))))


def _set_null_header(random: Random, record: AnyRecord) -> AnyRecord:
    return _set_header(random, record, None)


def _set_binary_header(random: Random, record: AnyRecord) -> AnyRecord:
    return _set_header(random, record, NO_TEXT + random.randbytes(8))


def _set_header(random: Random, record: AnyRecord, value: bytes | None) -> AnyRecord:
    headers = list(record.headers or ((b"x", b""),))
    index = random.randrange(len(headers))
    headers[index] = (headers[index][0], value)
    return _copy_with(record, headers=tuple(headers))


def _add_binary_header_name(random: Random, record: AnyRecord) -> AnyRecord:
    name = NO_TEXT + random.randbytes(random.randrange(20))
    return _copy_with(record, headers=(*record.headers, (name, b"1")))


def _change_key(random: Random, record: AnyRecord) -> AnyRecord:
    keys = (None, b"", NO_TEXT, b"9" * 300, random.randbytes(20), b"1:\x00:2")
    return _copy_with(record, key=random.choice(keys))


def _empty_body(random: Random, record: AnyRecord) -> AnyRecord:
    return _copy_with(record, value=random.choice((None, b"", b" ", b"null", b"[]", b"{}", b'"x"')))


def _set_any_bytes(random: Random, record: AnyRecord) -> AnyRecord:
    return _copy_with(record, value=random.randbytes(random.randint(1, 600)))


def make_huge(random: Random, record: AnyRecord) -> AnyRecord:
    """Make a record of five million bytes, of readable text or random bytes."""
    if random.random() < 0.3:
        return _copy_with(record, value=random.randbytes(HUGE))
    body = json.loads(record.value or b"{}")
    texts = [index for index in _list_members(body) if isinstance(index[0][index[1]], str)]
    parent, member = random.choice(texts)
    parent[member] = "x" * HUGE
    return _copy_with(record, value=json.dumps(body).encode())


def give_new_id(number: int, record: AnyRecord) -> AnyRecord:
    """Set a new message id or recipient, so that a readable copy becomes a row of its own."""
    body = json.loads(record.value or b"{}")
    key = _as_mapping(_as_mapping(body.get("data")).get("key"))
    if "id" in key:
        key["id"] = f"3EB0{number:012X}"
    elif "wid" in body:
        body["wid"] = f"3EB0{number:012X}"
    elif "campaignId" in body:
        body["number"] = f"55119{number:08}"
    return _copy_with(record, value=json.dumps(body).encode())


def _as_mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


MUTATIONS: dict[str, Mutation] = {
    "bits flipped": _flip_bits,
    "cut off": _cut_off_end,
    "another type or value": _change_value,
    "a member missing": _remove_member,
    "another company or line": _change_company,
    ANOTHER_TYPE: _change_type,
    "null header": _set_null_header,
    "binary header": _set_binary_header,
    "binary header name": _add_binary_header_name,
    "another key": _change_key,
    "no body": _empty_body,
    "any bytes": _set_any_bytes,
}
