"""Cases with missing and wrong tokens and signatures, and with right ones in all their places."""

from collections.abc import Iterator

from shared.conformance.report import Level
from shared.conformance.webhook.case import STATUSES, Case, MakeMark, Post, Target, join_headers
from shared.conformance.webhook.kinds import KINDS
from shared.conformance.webhook.oddities import encode
from shared.conformance.webhook.posts import JSON_TYPE, REFUSED, TAKEN, build_post, is_signing
from shared.gateways import signatures

AREA = "authentication"
WRONG = "0123456789abcdef" * 4
CHALLENGE = "4711"


def build_cases(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    """Yield the cases; each refused payload is also posted again with the right token."""
    for kind in ("text", "ack", "unknown"):
        build = KINDS[target.gateway][kind]
        for name in _list_wrong_headers(target, b""):
            mark = make_mark()
            body = encode(build(mark))
            headers = join_headers(_list_wrong_headers(target, body)[name], JSON_TYPE)
            posts = (Post(target.url, body, headers),)
            yield Case(
                AREA, f"{kind}, {name}", Level.MUST, posts, REFUSED, STATUSES, mark, then_probe=True
            )
    yield from _build_bodies_without_token(target)
    yield from _build_second_attempts(target, make_mark)
    yield from _build_right_places(target, make_mark)
    if target.gateway == "cloud-api":
        yield from _build_verifications(target)


def _list_wrong_headers(target: Target, body: bytes) -> dict[str, dict[str, str]]:
    right = signatures.sign(target.gateway, body, target.key)
    (header, value), *_ = right.items()
    tampered = value[:-1] + ("1" if value[-1] == "0" else "0")
    wrong = {
        "no token": {},
        "an empty token": {header: ""},
        "a wrong key": signatures.sign(target.gateway, body, WRONG),
        "a shortened token": {header: value[:-1]},
        "a lengthened token": {header: f"{value}0"},
        "one digit changed": {header: tampered},
        "the right token in another header": {"X-Token": value},
        "a token that is not ASCII": {header: "ä€" + value[2:]},
        "a token of 8,000 characters": {header: "a" * 8_000},
    }
    if is_signing(target.gateway):
        return wrong | {
            "the signature of another body": signatures.sign(
                target.gateway, body + b" ", target.key
            ),
            "the key instead of a signature": {header: target.key},
            "the key as a bearer token": {"Authorization": f"Bearer {target.key}"},
            "the signature of an empty body": signatures.sign(target.gateway, b"", target.key),
        }
    return wrong | {
        "only the scheme": {header: "Bearer"},
        "another scheme": {header: f"Basic {target.key}"},
        "the token twice": {header: f"{value}, {value}"},
        "a signature of the body": signatures.sign("waha", body, target.key),
    }


def _build_bodies_without_token(target: Target) -> Iterator[Case]:
    """Yield bodies that would fail later: the token is checked before they are parsed."""
    for name, body in {
        "an empty body": b"",
        "no JSON": b"<xml/>",
        "10,000 levels": b"[" * 10_000,
        "half of the largest body": b" " * (target.max_bytes // 2),
    }.items():
        posts = (Post(target.url, body, join_headers(JSON_TYPE)),)
        yield Case(
            AREA, f"no token, {name}", Level.MUST, posts, REFUSED, STATUSES, then_probe=True
        )  # fmt: skip


def _build_second_attempts(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    """Yield payloads that were refused before and come again with the right token."""
    mark = make_mark()
    body = encode(KINDS[target.gateway]["text"](mark))
    without = Post(target.url, body, join_headers(JSON_TYPE))
    yield Case(AREA, "first without token", Level.MUST, (without,), REFUSED, STATUSES)
    posts = (build_post(target, body),)
    name = "then the same payload with the right token"
    yield Case(AREA, name, Level.MUST, posts, TAKEN, STATUSES, mark)


def _build_right_places(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    def build(headers: dict[str, str], query: str = "") -> tuple[Post, ...]:
        return (Post(target.url + query, body, join_headers(headers, JSON_TYPE)),)

    if is_signing(target.gateway):
        return
    separator = "&" if "?" in target.url else "?"
    places = {
        "the token in the address": ({}, f"{separator}token={target.key}"),
        "the scheme in small letters": ({"Authorization": f"bearer {target.key}"}, ""),
        "other parameters in the address": (
            {"Authorization": f"Bearer {target.key}"},
            f"{separator}a=1",
        ),
    }
    for name, (headers, query) in places.items():
        mark = make_mark()
        body = encode(KINDS[target.gateway]["text"](mark))
        yield Case(AREA, name, Level.MUST, build(headers, query), TAKEN, STATUSES, mark)
    body = encode(KINDS[target.gateway]["text"](make_mark()))
    name = "a wrong token in the address"
    posts = build({}, f"{separator}token={WRONG}")
    yield Case(AREA, name, Level.MUST, posts, REFUSED, STATUSES, then_probe=True)


def _build_verifications(target: Target) -> Iterator[Case]:
    """Yield Meta's verification: a GET whose challenge is the answer."""
    refused = frozenset({401, 403})  # Meta's documentation says 403
    for name, token, expected, answer in (
        ("the right verify token", target.token, TAKEN, CHALLENGE),
        ("a wrong verify token", WRONG, refused, None),
        ("an empty verify token", "", refused, None),
    ):
        query = f"hub.mode=subscribe&hub.challenge={CHALLENGE}&hub.verify_token={token}"
        separator = "&" if "?" in target.url else "?"
        post = Post(f"{target.url}{separator}{query}", b"", (), method="GET")
        yield Case(AREA, name, Level.MUST, (post,), expected, STATUSES, answer=answer)
