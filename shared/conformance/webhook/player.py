"""Plays the cases of a gateway against an endpoint, one after another on one connection."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx

from shared.conformance.report import Check, Level, Report
from shared.conformance.webhook.case import CASES, STATUSES, Case, Post, Target
from shared.conformance.webhook.cases import build_probe, list_cases
from shared.conformance.webhook.posts import TAKEN

CHUNK = 65_536  # bytes
SERVER_ERROR = 500
NOT_WATCHED = (
    "Not checked: whether refused payloads were taken; only the topics show it (--watch-topics)."
)


class Watcher(Protocol):
    """Shows which payloads were taken, by the marks in them."""

    async def list_marks(self) -> set[str]:
        """Return the marks in all that the endpoint took since the run began."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may take: `slow_s` costs a grade, after `timeout_s` there is none."""

    slow_s: float = 5.0
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer to one request; `status` is 0 if there was none, and `text` says why."""

    status: int
    text: str
    seconds: float
    connection: object = None

    @property
    def shown(self) -> str:
        return str(self.status) if self.status else self.text


class WebhookPlayer:
    """Plays `cases` through one client; a client must have at most one connection."""

    def __init__(self, client: httpx.AsyncClient, target: Target, limits: Limits) -> None:
        self._client = client
        self._target = target
        self._limits = limits
        self.cases = list_cases(target, self._prefix)

    async def run(
        self, watcher: Watcher | None, on_played: Callable[[], None] = lambda: None
    ) -> Report:
        """Play all cases; call `on_played` after each one."""
        checks: list[Check] = []
        taken: set[str] = set()
        for case in self.cases:
            answers = [answer async for answer in self._play(case)]
            checks += self._judge(case, answers)
            if any(answer.status in TAKEN for answer in answers):
                taken.add(case.mark)
            if case.then_probe:
                checks += await self._probe(case, answers[-1])
            on_played()
        if watcher is None:
            return Report(self._subject, tuple(checks), (NOT_WATCHED,))
        checks += _compare_with_taken(self.cases, taken, await watcher.list_marks())
        return Report(self._subject, tuple(checks))

    @property
    def _prefix(self) -> str:
        return f"CONFORM-{self._target.gateway}-"

    @property
    def _subject(self) -> str:
        return f"{self._target.gateway} webhook"

    async def _play(self, case: Case) -> AsyncIterator[_Answer]:
        for post in case.posts:
            yield await self._send(post)

    async def _send(self, post: Post) -> _Answer:
        began = time.monotonic()
        content = _split(post.body) if post.is_chunked else post.body
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                response = await self._client.request(
                    post.method, post.url, content=content, headers=list(post.headers)
                )
        except TimeoutError:
            problem = f"no answer within {self._limits.timeout_s:g} s"
        except httpx.HTTPError as error:
            problem = f"no answer: {type(error).__name__}"
        else:
            return _Answer(
                response.status_code,
                response.text,
                time.monotonic() - began,
                _read_connection(response),
            )
        return _Answer(0, problem, time.monotonic() - began)

    def _judge(self, case: Case, answers: Sequence[_Answer]) -> list[Check]:
        wrong = [answer for answer in answers if not _is_right(case, answer)]
        # No answer and a server error are never right, also where another answer would be.
        is_broken = any(a.status == 0 or a.status >= SERVER_ERROR for a in wrong)
        slowest = max(answer.seconds for answer in answers)
        return [
            Check(
                area=case.area,
                name=case.name,
                level=Level.MUST if is_broken else case.level,
                passed=not wrong,
                sent=case.sent,
                came=", ".join(dict.fromkeys(answer.shown for answer in wrong or answers)),
                expected=_describe_expected(case),
                documented=case.documented,
            ),
            Check(
                area="time",
                name=f"{case.area}: {case.name}",
                level=Level.SHOULD,
                passed=slowest <= self._limits.slow_s,
                sent=case.sent,
                came=f"{slowest:.1f} s",
                expected=f"an answer within {self._limits.slow_s:g} s",
                documented=CASES,
            ),
        ]

    async def _probe(self, case: Case, before: _Answer) -> list[Check]:
        probe = build_probe(self._target, f"{self._prefix}PROBE")
        answer = await self._send(probe.posts[0])
        checks = [
            Check(
                area="connection",
                name=f"a valid text after {case.area}: {case.name}",
                level=Level.MUST,
                passed=answer.status in probe.expected,
                sent=f"{case.sent}; then {probe.sent}",
                came=answer.shown,
                expected=_describe_expected(probe),
                documented=CASES,
            )
        ]
        if before.connection is None or answer.connection is None:
            return checks
        is_kept = before.connection == answer.connection
        return [
            *checks,
            Check(
                area="connection",
                name=f"the connection after {case.area}: {case.name}",
                level=Level.MAY,
                passed=is_kept,
                sent=case.sent,
                came="kept" if is_kept else "closed",
                expected="kept, so that the next payload needs no new one",
                documented=CASES,
            ),
        ]


def _compare_with_taken(
    cases: Iterable[Case], taken: Collection[str], found: Collection[str]
) -> list[Check]:
    """Return a check for each marked case: refused ones are not there, taken ones are."""
    return [
        Check(
            area="taken payloads",
            name=f"{case.area}: {case.name}",
            level=Level.MUST,
            passed=(case.mark in found) == (case.mark in taken),
            sent=case.sent,
            came=_describe_taken(is_taken=case.mark in found),
            expected=_describe_taken(is_taken=case.mark in taken),
            documented=STATUSES,
        )
        for case in cases
        if case.mark
    ]


def _describe_taken(*, is_taken: bool) -> str:
    return "its events are on the topics" if is_taken else "nothing of it is on the topics"


def _is_right(case: Case, answer: _Answer) -> bool:
    return answer.status in case.expected and case.answer in {None, answer.text}


def _describe_expected(case: Case) -> str:
    statuses = " or ".join(str(status) for status in sorted(case.expected))
    return statuses if case.answer is None else f"{statuses} with the body {case.answer}"


async def _split(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), CHUNK):
        yield body[start : start + CHUNK]


def _read_connection(response: httpx.Response) -> object:
    """Return what differs between connections, our own address; None if there is none."""
    stream = response.extensions.get("network_stream")
    return stream.get_extra_info("client_addr") if stream else None
