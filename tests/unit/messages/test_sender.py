"""What the sender makes of a gateway's silence: sent, not sent, or nobody knows."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.messages.rules.sending import Claim, Connection, Step
from services.messages.sender import Sender
from services.messages.store import sends
from shared.contracts.message import MessageSend
from shared.settings import Settings
from tests.support.build import CUSTOMER, NOON

SETTINGS = Settings(sender=True).model_copy(
    update={
        "send_timeout_ms": 200,
        "waha_api_key": SecretStr("key of all"),
        "line_keys": {"1_11": SecretStr("key of one")},
    }
)
Answer = Callable[[httpx.Request], httpx.Response]


class Engine:
    """No database: statements are not run."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        yield


def claim(line: int = 10, server: str | None = "http://waha.example", attempts: int = 1) -> Claim:
    send = MessageSend(
        company_id=1, whatsapp_id=line, chat=CUSTOMER, send_id="s1", body="Oi", expires_at=NOON
    )
    connection = Connection("waha", server, "loja") if server is not None else None
    return Claim(send, "3EB0", attempts, connection, None)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """Give what the sender has noted."""
    steps: list[Step] = []

    async def note(_conn: object, _send: MessageSend, step: Step) -> None:
        steps.append(step)

    async def give_up(_conn: object, _lost_s: float) -> None: ...

    monkeypatch.setattr(sends, "note", note)
    monkeypatch.setattr(sends, "give_up", give_up)
    return steps


async def attempt(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, *claims: Claim
) -> list[Mapping[Any, int]]:
    """Let a sender take these claims and finish; gives the room that it had asked for."""
    asked: list[Mapping[Any, int]] = []

    async def take(_conn: object, free: Mapping[Any, int], *_: int) -> list[Claim]:
        asked.append(dict(free))
        return list(claims) if len(asked) == 1 else []

    monkeypatch.setattr(sends, "claim", take)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        sender = Sender(SETTINGS, cast("AsyncEngine", Engine()), client)
        await sender.take()
        await sender.finish()
        await sender.take()
    return asked


def raising(error: Exception) -> Answer:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (httpx.ConnectError("refused"), "waiting", "unreachable"),
        (httpx.ConnectTimeout("slow"), "waiting", "unreachable"),
        (httpx.ReadTimeout("slow"), "unknown", "no-answer"),
        (httpx.WriteError("reset"), "unknown", "no-answer"),
        (httpx.ReadError("reset"), "unknown", "no-answer"),
        (httpx.RemoteProtocolError("gone"), "unknown", "no-answer"),
        (httpx.UnsupportedProtocol("ftp"), "waiting", "wrong-address"),
    ],
)
async def test_only_what_never_left_is_tried_again(
    error: Exception, status: str, code: str, noted: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    await attempt(monkeypatch, raising(error), claim())
    assert [(step.status, step.result.code) for step in noted] == [(status, code)]


async def test_a_line_without_a_connection_or_with_no_address_waits(
    noted: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    await attempt(monkeypatch, raising(AssertionError()), claim(server=None))
    assert [(step.status, step.result.code) for step in noted] == [("waiting", "no-connection")]


async def test_a_line_that_cannot_send_has_no_room_for_a_while(
    noted: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await attempt(monkeypatch, lambda _: httpx.Response(401), claim(), claim(line=11))
    assert asked == [{}, {(1, 10): 0, (1, 11): 0}]
    assert {step.pause_s for step in noted} == {30.0}


async def test_each_line_is_asked_with_its_own_key(
    noted: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["x-api-key"])
        return httpx.Response(201, json={"id": "true_1@c.us_W1"})

    await attempt(monkeypatch, answer, claim(), claim(line=11))
    assert sorted(keys) == ["key of all", "key of one"]
    assert [(step.status, step.result.wid) for step in noted] == [("sent", "W1")] * 2


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b"\xff", b"{}" + b" " * 1_000_001])
async def test_what_is_no_answer_is_not_taken_for_one(
    body: bytes, noted: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    await attempt(monkeypatch, lambda _: httpx.Response(200, content=body), claim())
    assert [step.status for step in noted] == ["unknown"]


async def test_what_is_known_is_saved_when_the_database_is_back(
    noted: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    note, trouble = sends.note, [OperationalError("", None, Exception()), OSError()]

    async def sometimes(conn: Any, send: MessageSend, step: Step) -> None:
        if trouble:
            raise trouble.pop()
        await note(conn, send, step)

    monkeypatch.setattr(sends, "note", sometimes)
    monkeypatch.setattr("services.messages.sender.LONGEST_BACKOFF_S", 0.01)
    await attempt(
        monkeypatch, lambda _: httpx.Response(201, json={"id": "true_1@c.us_W1"}), claim()
    )
    assert [step.status for step in noted] == ["sent"]
