"""Asks gateways to send, beside the worker: claimed in one transaction, noted in another.

No transaction is open while a gateway is asked. A claim is never repeated by anybody, so a process
that dies with one leaves it to be told as unknown. What was certainly not sent is tried again.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import structlog
from pydantic import JsonValue
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.messages.rules.answers import LineKey
from services.messages.rules.sending import Claim, Step, step
from services.messages.store import sends
from shared.gateways.senders.outgoing import ErrorClass, Result, failed
from shared.gateways.senders.registry import SENDERS
from shared.settings import Settings

log = structlog.get_logger("chatia.sender")

POLL_S = 0.1
GIVE_UP_EVERY_S = 5.0
MOST_AT_ONCE = 64  # requests under way in one process
LONGEST_BACKOFF_S = 10.0
STOP_WITHIN_S = 10.0
LOST_AFTER = 4.0  # timeouts, after which nobody waits for the process that has claimed
CONNECT_WITHIN_S = 10.0
IDLE_FOR_S = (
    2.0  # less than servers wait, so that none closes a connection that is about to be used
)
LONGEST_ANSWER = 1_000_000  # bytes


def lost_after_s(settings: Settings) -> float:
    """Tell after how long a claim is given up by others."""
    return settings.send_timeout_ms / 1000 * LOST_AFTER


class Sender:
    """Takes what is due and sends it: of a chat one at a time, of a line a few, in order."""

    def __init__(self, settings: Settings, engine: AsyncEngine, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._engine = engine
        self._client = client
        self._under_way: Counter[LineKey] = Counter()
        self._paused: dict[LineKey, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()
        self._complained = False
        self._give_up_at = 0.0
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Send until told to stop; an outage is waited for."""
        backoff_s = POLL_S
        while not self._stopping.is_set():
            (took,) = await asyncio.gather(self.take(), return_exceptions=True)
            if isinstance(took, BaseException):
                backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
                self._complain(took)
                await self._wait(backoff_s)
                continue
            backoff_s, self._complained = POLL_S, False
            if not took:
                await self._wait(POLL_S)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping.set()

    async def take(self) -> int:
        """Claim what there is room for and begin to send it; gives how many."""
        if len(self._tasks) >= MOST_AT_ONCE:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        async with self._one_at_a_time, self._engine.begin() as conn:
            if time.monotonic() >= self._give_up_at:
                await sends.give_up(conn, lost_after_s(self._settings))
                self._give_up_at = time.monotonic() + GIVE_UP_EVERY_S
            room = MOST_AT_ONCE - len(self._tasks)
            claims = await sends.claim(conn, self._free(), self._settings.sends_at_once, room)
        claimed_at = time.monotonic()
        for claim in claims:
            self._under_way[claim.line] += 1
            task = asyncio.create_task(self._carry(claim, claimed_at))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return len(claims)

    async def finish(self) -> None:
        """Wait for what is under way, at most as long as a gateway may take."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.send_timeout_ms / 1000)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _free(self) -> dict[LineKey, int]:
        """Give the room of the lines that are not as free as all others."""
        now = time.monotonic()
        self._paused = {line: until for line, until in self._paused.items() if until > now}
        most = self._settings.sends_at_once
        free = {line: max(most - under_way, 0) for line, under_way in self._under_way.items()}
        return free | dict.fromkeys(self._paused, 0)

    async def _carry(self, claim: Claim, claimed_at: float) -> None:
        try:
            next_step = await self._attempt(claim, claimed_at)
            if next_step.pause_s:
                self._paused[claim.line] = time.monotonic() + next_step.pause_s
            await self._note(claim, next_step)
        finally:
            self._under_way -= Counter({claim.line: 1})

    async def _attempt(self, claim: Claim, claimed_at: float) -> Step:
        late = time.monotonic() - claimed_at > lost_after_s(self._settings) / 2
        result = (
            failed(ErrorClass.RETRY, "late", "the sender was held up")
            if late
            else await self._ask(claim)
        )
        decided = step(result, claim.attempts, self._settings.send_retry_ms / 1000)
        log.info(
            "send.attempted",
            company_id=claim.send.company_id,
            whatsapp_id=claim.send.whatsapp_id,
            send_id=claim.send.send_id,
            attempt=claim.attempts,
            result=str(result.error_class),
            code=result.code,
        )
        return decided

    async def _ask(self, claim: Claim) -> Result:
        if claim.connection is None:
            return failed(
                ErrorClass.PAUSE, "no-connection", "the line has no gateway with a server"
            )
        sender = SENDERS[claim.connection.gateway]
        post = sender.post(claim.sending)
        key = self._settings.gateway_key(claim.connection.gateway, *claim.line)
        headers = {sender.key_header: sender.key_prefix + key} if key else {}
        url = claim.connection.server + post.path
        try:
            async with asyncio.timeout(self._settings.send_timeout_ms / 1000):
                answer = await self._client.post(url, json=post.json, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return failed(ErrorClass.RETRY, "unreachable", "the gateway does not answer")
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError):
            return failed(ErrorClass.PAUSE, "wrong-address", "the connection's server is no URL")
        except (httpx.HTTPError, TimeoutError):
            return failed(
                ErrorClass.UNKNOWN, "no-answer", "the gateway was asked and did not answer"
            )
        return sender.read(answer.status_code, _json(answer))

    async def _note(self, claim: Claim, next_step: Step) -> None:
        """Save what is known, however long the database is away; only we know it."""
        backoff_s = POLL_S
        while True:
            try:
                async with self._one_at_a_time, self._engine.begin() as conn:
                    await sends.note(conn, claim.send, next_step)
            except IntegrityError:
                # The gateway named it as it had named another; that it was sent counts more.
                log.error("send.named_twice", send_id=claim.send.send_id)  # noqa: TRY400
                next_step = Step(next_step.status, Result(next_step.result.error_class))
            except (OSError, SQLAlchemyError) as error:
                self._complain(error)
                backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
                await asyncio.sleep(backoff_s)
            else:
                return

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("send.broken", error=type(error).__name__, exc_info=error)

    def _complain(self, error: BaseException) -> None:
        if not self._complained:
            self._complained = True
            is_ours = not isinstance(error, OSError | SQLAlchemyError | TimeoutError)
            log.error(
                "sender.postponed",
                error=type(error).__name__,
                exc_info=error if is_ours else None,
            )


@asynccontextmanager
async def sending(settings: Settings, engine: AsyncEngine) -> AsyncIterator[None]:
    """Send until the block ends, where CHATIA_SENDER is on."""
    if not settings.sender:
        yield
        return
    logging.getLogger("httpx").setLevel(logging.WARNING)
    timeout_s = settings.send_timeout_ms / 1000
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_WITHIN_S)),
        limits=httpx.Limits(max_connections=MOST_AT_ONCE, keepalive_expiry=IDLE_FOR_S),
        trust_env=False,
    ) as client:
        sender = Sender(settings, engine, client)
        loop = asyncio.create_task(sender.run())
        try:
            yield
        finally:
            sender.stop()  # not cancelled: a claim may be on its way to the database
            await asyncio.wait([loop], timeout=STOP_WITHIN_S)
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
            await sender.finish()


def _json(answer: httpx.Response) -> JsonValue:
    if len(answer.content) > LONGEST_ANSWER:
        return None
    try:
        body: JsonValue = answer.json()
    except (ValueError, RecursionError):
        return None
    return body
