"""How the sender reads a gateway's response or silence: sent, not sent, or unknown."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.messages.sending import store
from services.messages.sending.rules import Claim, Connection, SendUpdate
from services.messages.sending.sender import Sender
from shared.contracts.message import MessageSend
from shared.metrics import instruments
from shared.metrics.catalogue import SENDS
from shared.settings import SendingSettings, Settings
from tests.support.build import CUSTOMER, NOON

SETTINGS = Settings(
    sending=SendingSettings(
        enabled=True,
        timeout_ms=200,
        waha_api_key=SecretStr("key of all"),
        line_keys={"1_11": SecretStr("key of one")},
    )
)
Respond = Callable[[httpx.Request], httpx.Response]


class Engine:
    """No database: statements are not run."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        yield
        await self.commit()

    async def commit(self) -> None: ...


def claim(line: int = 10, server: str | None = "http://waha.example", attempts: int = 1) -> Claim:
    send = MessageSend(
        company_id=1, whatsapp_id=line, chat=CUSTOMER, send_id="s1", body="Oi", expires_at=NOON
    )
    connection = Connection("waha", server, "loja") if server is not None else None
    return Claim(send, "3EB0", attempts, connection, None)


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[SendUpdate]:
    """Return the updates that the sender saves."""
    updates: list[SendUpdate] = []

    async def save_update(_conn: object, _send: MessageSend, update: SendUpdate) -> None:
        updates.append(update)

    async def expire_sends(_conn: object, _lost_s: float) -> None: ...

    monkeypatch.setattr(store, "save_update", save_update)
    monkeypatch.setattr(store, "expire_sends", expire_sends)
    return updates


async def attempt(
    monkeypatch: pytest.MonkeyPatch, respond: Respond, *claims: Claim, settings: Settings = SETTINGS
) -> list[Mapping[Any, int]]:
    """Run a sender with these claims until it is finished; return the slots that it asked for."""
    asked: list[Mapping[Any, int]] = []

    async def claim_sends(_conn: object, free: Mapping[Any, int], *_: int) -> list[Claim]:
        asked.append(dict(free))
        return list(claims) if len(asked) == 1 else []

    monkeypatch.setattr(store, "claim_sends", claim_sends)
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
        sender = Sender(settings, cast("AsyncEngine", Engine()), client)
        await sender.claim_and_start()
        await sender.finish()
        await sender.claim_and_start()
    return asked


def raising(error: Exception) -> Respond:
    def respond(_: httpx.Request) -> httpx.Response:
        raise error

    return respond


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
async def test_only_what_was_never_sent_is_tried_again(
    error: Exception,
    status: str,
    code: str,
    saved: list[SendUpdate],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await attempt(monkeypatch, raising(error), claim())
    assert [(update.status, update.result.code) for update in saved] == [(status, code)]


async def test_a_claim_that_was_committed_too_late_is_tried_again(
    saved: list[SendUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def commit_slowly(self: Engine) -> None:  # as in a frozen database
        del self
        await asyncio.sleep(0.5)  # more than half of four request timeouts

    monkeypatch.setattr(Engine, "commit", commit_slowly)
    await attempt(monkeypatch, raising(AssertionError()), claim())
    assert [(update.status, update.result.code) for update in saved] == [("waiting", "late")]


async def test_a_line_without_a_connection_or_with_no_address_waits(
    saved: list[SendUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    await attempt(monkeypatch, raising(AssertionError()), claim(server=None))
    assert [(update.status, update.result.code) for update in saved] == [
        ("waiting", "no-connection")
    ]


async def test_a_line_that_cannot_send_has_no_slots_for_a_while(
    saved: list[SendUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await attempt(monkeypatch, lambda _: httpx.Response(401), claim(), claim(line=11))
    assert asked == [{}, {(1, 10): 0, (1, 11): 0}]
    assert {update.pause_s for update in saved} == {30.0}


async def test_each_line_sends_with_its_own_key(
    saved: list[SendUpdate], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = []

    def respond(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["x-api-key"])
        return httpx.Response(201, json={"id": "true_1@c.us_W1"})

    await attempt(monkeypatch, respond, claim(), claim(line=11))
    assert sorted(keys) == ["key of all", "key of one"]
    assert [(update.status, update.result.wid) for update in saved] == [("sent", "W1")] * 2

    path = tmp_path / "keys"
    path.write_text("CHATIA_GATEWAY_KEY_1_10=key of the file\n", "utf-8")
    of_file = SETTINGS.model_copy(update={"line_keys_file": str(path)})
    await attempt(monkeypatch, respond, claim(), settings=of_file)
    assert keys[-1] == "key of the file"


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b"\xff", b"{}" + b" " * 1_000_001])
async def test_a_response_that_is_no_json_answer_is_unknown(
    body: bytes, saved: list[SendUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    await attempt(monkeypatch, lambda _: httpx.Response(200, content=body), claim())
    assert [update.status for update in saved] == ["unknown"]


async def test_a_result_is_saved_when_the_database_is_back(
    saved: list[SendUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    save, errors = store.save_update, [OperationalError("", None, Exception()), OSError()]

    async def fail_twice(conn: Any, send: MessageSend, update: SendUpdate) -> None:
        if errors:
            raise errors.pop()
        await save(conn, send, update)

    monkeypatch.setattr(store, "save_update", fail_twice)
    monkeypatch.setattr("services.messages.sending.sender.LONGEST_BACKOFF_S", 0.01)
    await attempt(
        monkeypatch, lambda _: httpx.Response(201, json={"id": "true_1@c.us_W1"}), claim()
    )
    assert [update.status for update in saved] == ["sent"]


async def test_every_attempt_is_counted_by_its_result(
    saved: list[SendUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {"result": "unknown"}
    before = instruments.REGISTRY.get_sample_value(SENDS.name, unknown) or 0.0
    await attempt(monkeypatch, raising(httpx.ReadTimeout("slow")), claim(), claim(line=11))
    assert instruments.REGISTRY.get_sample_value(SENDS.name, unknown) == before + 2
    assert len(saved) == 2
