"""Odd but legal forms of a valid payload: each is JSON that an endpoint has to take."""

import json
from collections.abc import Callable
from functools import partial

from pydantic import JsonValue

from shared.conformance.webhook.kind import TIME, Payload

Oddity = Callable[[Payload], bytes]

_WORDS = ("Oi", "Oi, tudo bem?", "A foto", "Sim", "Ana", "👍")  # what people write in the payloads
_ISO_TIMES = ("2025-10-09T05:53:20-03:00", "2025-10-09T08:53:20Z", "2025-10-09T08:53:20.000Z")
_TIMES = (TIME, str(TIME), TIME * 1000, *_ISO_TIMES)
_FUTURE = 4_070_908_800  # 2099-01-01
_LEGAL_DEPTH = 50  # levels; a record may have 64, the payload itself has up to 10
_LONG = 65_536  # characters
_MANY = 1_000  # members


def encode(payload: JsonValue) -> bytes:
    """Return a payload as most gateways write it; lone surrogates are escaped."""
    return json.dumps(payload).encode()


def _replace(value: JsonValue, old: tuple[JsonValue, ...], new: JsonValue) -> JsonValue:
    match value:
        case dict():
            return {name: _replace(member, old, new) for name, member in value.items()}
        case list():
            return [_replace(item, old, new) for item in value]
        case bool():
            return value
        case _:
            return new if value in old else value


def _write(text: str, payload: Payload) -> bytes:
    """Replace what people wrote; a payload without words gets a member."""
    written = _replace(payload, _WORDS, text)
    return encode(_add({"note": text}, payload) if written == payload else written)


def _replace_times(time: JsonValue, payload: Payload) -> bytes:
    replaced = _replace(payload, _TIMES, time)
    return encode(_add({"timestamp": time}, payload) if replaced == payload else replaced)


def _add(members: Payload, payload: Payload) -> Payload:
    return {**payload, **members}


def _reverse(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return {name: _reverse(value[name]) for name in reversed(value)}
        case _:
            return value


def _add_everywhere(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            members = {name: _add_everywhere(member) for name, member in value.items()}
            return {**members, "laterMember": {"is": [True, None, 1.5, ""]}}
        case list():
            return [_add_everywhere(item) for item in value]
        case _:
            return value


def build_nested(levels: int) -> bytes:
    """Return arrays in arrays; written by hand, since encoders stop at some thousand levels."""
    return b"[" * levels + b"]" * levels


def add_raw(payload: Payload, member: bytes) -> bytes:
    """Return a payload with one more member, which is written already."""
    return encode(payload)[:-1] + b", " + member + b"}"


def _nest(payload: Payload) -> bytes:
    return add_raw(payload, b'"nested": ' + build_nested(_LEGAL_DEPTH))


def _add_many(payload: Payload) -> bytes:
    return encode(_add({f"member{n}": n for n in range(_MANY)}, payload))


def _repeat_member(payload: Payload) -> bytes:
    name = next(iter(payload))
    return add_raw(payload, encode(name) + b": " + encode(payload[name]))


def _mark(payload: Payload) -> bytes:
    return b"\xef\xbb\xbf" + encode(payload)


def _indent(payload: Payload) -> bytes:
    return b"\r\n" + json.dumps(payload, indent="\t").encode() + b"\r\n"


def _write_utf_8(payload: Payload) -> bytes:
    return json.dumps(_replace(payload, _WORDS, "Olá, 你好 👋"), ensure_ascii=False).encode()


# With every kind of payload.
ODDITIES: dict[str, Oddity] = {
    "as documented": encode,
    "members in reverse order": lambda payload: encode(_reverse(payload)),
    "an unknown member": lambda payload: encode(_add({"laterMember": "1"}, payload)),
    "unknown members at every level": lambda payload: encode(_add_everywhere(payload)),
    "50 nested arrays in an unknown member": _nest,
    "indented, with line ends around it": _indent,
    "raw UTF-8": _write_utf_8,
    "a byte order mark": _mark,
    "an empty text": partial(_write, ""),
    "a text of 65,536 characters": partial(_write, "a" * _LONG),
    "a NUL in the text": partial(_write, "O\x00i"),
    "a lone surrogate in the text": partial(_write, "O\ud83di"),
    "a time in 2099": partial(_replace_times, _FUTURE),
    "a time that is text": partial(_replace_times, "yesterday"),
    "a time that is null": partial(_replace_times, None),
}
# With a text message only.
TEXT_ODDITIES: dict[str, Oddity] = {
    "1,000 unknown members": _add_many,
    "a member twice": _repeat_member,
    "a time that is a fraction": partial(_replace_times, TIME + 0.25),
    "an emoji of several code points": partial(_write, "👩🏽‍👩🏽‍👧🏽‍👦🏽🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
    "a time of zero": partial(_replace_times, 0),
    "a number of 400 digits": lambda payload: add_raw(payload, b'"n": 1' + b"0" * 400),
    "a lone low surrogate in the text": partial(_write, "O\udc4bi"),
    "control characters in the text": partial(_write, "\x01\x08\x0b\x1f\x7f\x85"),
    "line ends and tabs in the text": partial(_write, "O\r\n\ti\u2028\u2029"),
    "text from right to left": partial(_write, "\u202eiO\u202c שלום"),
    "zero-width characters in the text": partial(_write, "\u200bO\u200d\ufeffi\u2060"),
    "combining characters in the text": partial(_write, "O" + "\u0301\u0323" * 100),
    "a text that is JSON": partial(_write, '{"event": "message", "data": [1]}'),
    "a text that is SQL": partial(_write, '\'; DROP TABLE "Messages"; --'),
    "a text that is HTML": partial(_write, "<script>alert(1)</script>"),
    "a text with a template's braces": partial(_write, "{{name}} ${name} %(name)s {0}"),
    "a text of blanks": partial(_write, " \u00a0\u3000 "),
    "a text of digits": partial(_write, "0123"),
    "a text that is `null`": partial(_write, "null"),
    "the noncharacters of Unicode in the text": partial(_write, "\ufffe\uffff\U0010ffff"),
    "a negative time": partial(_replace_times, -TIME),
    "a time in milliseconds": partial(_replace_times, TIME * 1000),
    "a time in microseconds": partial(_replace_times, TIME * 1_000_000),
    "a time of 1e300": partial(_replace_times, 1e300),
    "a time that is an object": partial(_replace_times, {"low": TIME, "high": 0, "unsigned": True}),
    "a time that is a list": partial(_replace_times, [TIME]),
    "a member whose name is empty": lambda payload: encode(_add({"": 1}, payload)),
    "a member called __proto__": lambda payload: encode(_add({"__proto__": {"a": 1}}, payload)),
    "a member name of 1,000 characters": lambda payload: encode(_add({"m" * 1_000: 1}, payload)),
    "a number beyond 64 bits": lambda payload: add_raw(payload, b'"n": 18446744073709551616'),
    "an exponent without a float": lambda payload: add_raw(payload, b'"n": 1e400'),
    "a negative zero": lambda payload: add_raw(payload, b'"n": -0.0'),
}
