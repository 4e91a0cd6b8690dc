"""Cases at other addresses and with other methods: 404, or 401 where the token is another line's.

The addresses of other lines are known only if the endpoint's has our form.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from shared.conformance.report import Level
from shared.conformance.webhook.case import STATUSES, Case, MakeMark, Post, Target
from shared.conformance.webhook.kinds import KINDS
from shared.conformance.webhook.oddities import encode
from shared.conformance.webhook.posts import REFUSED, build_post

AREA = "addresses"
OURS = re.compile(
    r"(?P<before>.{0,200})/gateways/[a-z-]{1,40}/(?P<ids>\d{1,10}/\d{1,10})", re.ASCII
)
NOT_FOUND = frozenset({404})
NOT_ALLOWED = frozenset({404, 405})
OTHER = "999999"  # a company and a line that the token is not for


def build_cases(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    """Yield the cases; all are refused."""
    parts = urlsplit(target.url)
    for name, path, expected in _list_paths(target, parts.path):
        body = encode(KINDS[target.gateway]["text"](make_mark()))
        url = urlunsplit(parts._replace(path=path))
        yield _build_case(name, replace(build_post(target, body), url=url), expected)
    for method in ("PUT", "PATCH", "DELETE"):
        post = replace(build_post(target, b"{}"), method=method)
        yield _build_case(f"the method {method}", post, NOT_ALLOWED)


def _list_paths(target: Target, path: str) -> Iterator[tuple[str, str, frozenset[int]]]:
    yield "a longer path", f"{path.rstrip('/')}/more", NOT_FOUND
    match = OURS.fullmatch(path)
    if match is None:
        return
    company, line = match["ids"].split("/")
    stem = f"{match['before']}/gateways"
    own = f"{stem}/{target.gateway}"
    yield "an unknown gateway", f"{stem}/unknown/{company}/{line}", NOT_FOUND
    yield "no line", f"{own}/{company}", NOT_FOUND
    yield "a line that is no number", f"{own}/{company}/first", NOT_FOUND
    yield "a company that is no number", f"{own}/first/{line}", NOT_FOUND
    yield "a line above 2147483647", f"{own}/{company}/2147483648", NOT_FOUND
    yield "a line of 5,000 digits", f"{own}/{company}/{'9' * 5_000}", NOT_FOUND
    yield "a negative line", f"{own}/{company}/-1", NOT_FOUND
    # The secret of a Meta app may be that of several lines; then an unknown line is not found.
    refused = REFUSED | NOT_FOUND if target.gateway == "cloud-api" else REFUSED
    yield "the token of another line", f"{own}/{company}/{OTHER}", refused
    yield "the token of another company", f"{own}/{OTHER}/{line}", refused
    other = "baileys" if target.gateway == "wppconnect" else "wppconnect"
    yield "the token of another gateway", f"{stem}/{other}/{company}/{line}", REFUSED


def _build_case(name: str, post: Post, expected: frozenset[int]) -> Case:
    is_about_tokens = name.startswith("the token of another")
    level = Level.MUST if is_about_tokens else Level.SHOULD
    return Case(AREA, name, level, (post,), expected, STATUSES, then_probe=True)
