"""A case of the webhook conformance: what is sent, and which HTTP statuses are right."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from shared.conformance.report import Level

MARK = re.compile(rb"CONFORM-[a-z-]{1,40}-[0-9]{4}")  # the message ids of cases begin with one
SHOWN = 160  # bytes of a body in a report

STATUSES = "docs/gateways.md#a-line-in-ten-minutes"
TRANSLATION = "docs/gateways.md#how-payloads-are-translated"
LIMITS = "docs/gateways.md#limits-of-a-payload"
CASES = "docs/conformance.md#a-webhook"

MakeMark = Callable[[], str]  # a message id that no other case has


@dataclass(frozen=True, slots=True)
class Target:
    """The endpoint, and what it accepts: `key` is the token, or the app's secret of Meta.

    `token` is the verify token of the Cloud API, the same as `key` for all other gateways.
    """

    gateway: str
    url: str
    key: str
    token: str
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Post:
    """One HTTP request; a chunked one has no Content-Length."""

    url: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    method: str = "POST"
    is_chunked: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """Some requests, in order, each of which has to get one of the expected statuses.

    `mark` is a message id that only this case's payload has; `answer` the expected body of the
    response. `then_probe`: a valid payload must be taken on the same connection afterwards.
    """

    area: str
    name: str
    level: Level
    posts: tuple[Post, ...]
    expected: frozenset[int]
    documented: str
    mark: str = ""
    answer: str | None = None
    then_probe: bool = False

    @property
    def sent(self) -> str:
        """What was sent, without headers that authenticate."""
        first = self.posts[0]
        times = f" {len(self.posts)} times" if len(self.posts) > 1 else ""
        shown = first.body[:SHOWN].decode(errors="backslashreplace")
        more = "…" if len(first.body) > SHOWN else ""
        return f"{first.method}{times}, {len(first.body):,} bytes: {shown}{more}"


def join_headers(*groups: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers with values as bytes, since some cases send values that are not ASCII."""
    return tuple(
        (name.encode(), value.encode()) for group in groups for name, value in group.items()
    )


def find_marks(content: bytes) -> set[str]:
    """Return the marks of cases in a payload, or in an event that became of it."""
    return {mark.decode() for mark in MARK.findall(content)}
