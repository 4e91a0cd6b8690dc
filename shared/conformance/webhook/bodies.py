"""Cases whose bodies, sizes and content types are odd or hostile."""

import gzip
from collections.abc import Iterator
from functools import cache

from shared.conformance.report import Level
from shared.conformance.webhook.case import LIMITS, STATUSES, Case, MakeMark, Target
from shared.conformance.webhook.kinds import KINDS
from shared.conformance.webhook.oddities import add_raw, build_nested, encode
from shared.conformance.webhook.posts import JSON_TYPE, TAKEN, build_post

TOO_LARGE = frozenset({413})
ANY_ANSWER = frozenset({200, 400, 413, 415, 422})  # but no error of the server
SMALL_ENOUGH = 0.9  # of the largest body, for hostile bodies that depend on it


def build_cases(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    """Yield the cases; every body is signed, so that only the body is odd."""
    yield from _build_bodies_that_are_no_payload(target)
    yield from _build_hostile_bodies(target, make_mark)
    yield from _build_sizes(target, make_mark)
    yield from _build_content_types(target, make_mark)
    yield from _build_compressed(target, make_mark)


def _build_bodies_that_are_no_payload(target: Target) -> Iterator[Case]:
    text = encode(KINDS[target.gateway]["text"]("HALF"))
    for name, body in {
        "an empty body": b"",
        "blanks": b" \r\n\t",
        "null": b"null",
        "true": b"true",
        "a number": b"7",
        "a text": b'"text"',
        "an empty array": b"[]",
        "an empty object": b"{}",
        "an array of numbers": b"[1, 2, 3]",
        "nested empty objects": b'{"event": {}, "data": [], "payload": {}, "entry": [{}]}',
        "half a payload": text[: len(text) // 2],
        "two payloads": text + text,
        "a comma at the end": text[:-1] + b",}",
        "single quotes": text.replace(b'"', b"'"),
        "NaN": b'{"event": NaN}',
        "NUL bytes": b"\x00" * 64,
        "Latin-1": '{"body": "coração"}'.encode("latin-1"),
        "UTF-16": text.decode().encode("utf-16"),
        "a surrogate in UTF-8": b'{"body": "\xed\xa0\xbd"}',
        "a form": b"payload=%7B%7D",
        "XML": b"<?xml version='1.0'?><event/>",
        "random bytes": bytes(range(256)) * 4,
    }.items():
        posts = (build_post(target, body),)
        yield Case("bodies", name, Level.SHOULD, posts, TAKEN, STATUSES, then_probe=True)


def _build_hostile_bodies(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    size = int(target.max_bytes * SMALL_ENOUGH)
    payload = KINDS[target.gateway]["text"](make_mark())
    deep = min(100_000, size // 4)
    many = min(250_000, size // 16)
    for name, body in {
        f"{deep:,} levels": add_raw(payload, b'"deep": ' + build_nested(deep)),
        f"{deep:,} levels that are not closed": b"[" * deep,
        f"{deep:,} levels of objects": b'{"a":' * (deep // 2),
        f"{many:,} members": add_raw(payload, b", ".join(b'"m%d": 1' % n for n in range(many))),
        f"{many:,} empty objects": add_raw(payload, b'"list": [' + b"{}, " * many + b"{}]"),
        "a number as long as the body": add_raw(payload, b'"n": ' + b"9" * (size // 2)),
        "a member name as long as the body": add_raw(payload, b'"' + b"m" * (size // 2) + b'": 1'),
        "only quotation marks": b'"' * size,
        "only escapes": b'"' + b"\\u0000" * (size // 6) + b'"',
    }.items():
        if len(body) > target.max_bytes:
            continue
        posts = (build_post(target, body),)
        yield Case("bodies", name, Level.MUST, posts, ANY_ANSWER, LIMITS, then_probe=True)


def _build_sizes(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    largest = target.max_bytes
    for name, size, expected in (
        ("as large as allowed", largest, TAKEN),
        ("a byte larger than allowed", largest + 1, TOO_LARGE),
        ("twice as large as allowed", 2 * largest, TOO_LARGE),
    ):
        for is_chunked in (False, True):
            mark = make_mark()
            payload = encode(KINDS[target.gateway]["text"](mark))
            body = payload + b" " * (size - len(payload))
            posts = (build_post(target, body, is_chunked=is_chunked),)
            how = ", chunked" if is_chunked else ""
            yield Case(
                "sizes", name + how, Level.MUST, posts, expected, STATUSES, mark, then_probe=True
            )  # fmt: skip


def _build_content_types(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    for name, content_type in {
        "no content type": {},
        "a charset": {"Content-Type": "application/json; charset=utf-8"},
        "a wrong charset": {"Content-Type": "application/json; charset=utf-16"},
        "text/plain": {"Content-Type": "text/plain"},
        "application/octet-stream": {"Content-Type": "application/octet-stream"},
        "application/cloudevents+json": {"Content-Type": "application/cloudevents+json"},
        "a form's type": {"Content-Type": "application/x-www-form-urlencoded"},
        "a type that is none": {"Content-Type": "json"},
    }.items():
        mark = make_mark()
        body = encode(KINDS[target.gateway]["text"](mark))
        posts = (build_post(target, body, content_type=content_type),)
        yield Case("content types", name, Level.SHOULD, posts, TAKEN, STATUSES, mark)


def _build_compressed(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    """Yield compressed bodies, which no gateway sends: any answer but a server error is right."""
    body = gzip.compress(encode(KINDS[target.gateway]["text"](make_mark())), mtime=0)
    for name, content, headers in (
        ("gzip", body, {"Content-Encoding": "gzip"}),
        ("gzip without its header", body, {}),
        ("the header of gzip without gzip", b"{}", {"Content-Encoding": "gzip"}),
        ("an unknown encoding", b"{}", {"Content-Encoding": "rot13"}),
        ("50 MB in gzip", _compress_much(), {"Content-Encoding": "gzip"}),
    ):
        posts = (build_post(target, content, content_type=JSON_TYPE, more=headers),)
        yield Case("bodies", name, Level.MUST, posts, ANY_ANSWER, STATUSES, then_probe=True)


@cache
def _compress_much() -> bytes:
    return gzip.compress(b" " * 50_000_000, mtime=0)
