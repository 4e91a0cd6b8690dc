"""The sender: posts claimed sends to gateways, in the background of the worker.

A send is claimed in one transaction and its result saved in another; no transaction is open during
the HTTP request. A claim is never repeated, so the claims of a process that died become `unknown`.
Only sends that certainly did not take place are retried.
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

from services.messages.domain.keys import LineKey
from services.messages.sending import store
from services.messages.sending.rules import Claim, SendUpdate, build_refusal, decide_update
from shared.gateways.senders.outgoing import ErrorClass, GatewayResponse, build_failure
from shared.gateways.senders.registry import SENDERS
from shared.line_keys import LineKeys
from shared.metrics import instruments
from shared.settings import Settings

log = structlog.get_logger("chatia.sender")

POLL_S = 0.1
EXPIRE_EVERY_S = 5.0
MOST_AT_ONCE = 64  # requests under way in one process
LONGEST_BACKOFF_S = 10.0
STOP_WITHIN_S = 10.0
LOST_AFTER = 4.0  # number of request timeouts after which the claiming process is considered dead
CONNECT_WITHIN_S = 10.0
KEEP_ALIVE_S = 2.0  # shorter than servers keep idle connections, which would close ours
LARGEST_RESPONSE = 1_000_000  # bytes


def compute_claim_timeout_s(settings: Settings) -> float:
    """Return the seconds after which a claim without a result becomes `unknown`."""
    return settings.sending.timeout_ms / 1000 * LOST_AFTER


class Sender:
    """A loop that claims due sends and posts them: one at a time per chat, a few per line."""

    def __init__(self, settings: Settings, engine: AsyncEngine, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._engine = engine
        self._client = client
        self._under_way: Counter[LineKey] = Counter()
        self._line_keys = LineKeys(settings)
        self._paused: dict[LineKey, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transaction_lock = asyncio.Lock()
        self._failure_logged = False
        self._expire_at = 0.0
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Send until `stop` is called; back off while the database is unavailable."""
        backoff_s = POLL_S
        while not self._stopping.is_set():
            (started,) = await asyncio.gather(self.claim_and_start(), return_exceptions=True)
            if isinstance(started, BaseException):
                backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
                self._log_failure(started)
                await self._wait(backoff_s)
                continue
            backoff_s, self._failure_logged = POLL_S, False
            if not started:
                await self._wait(POLL_S)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping.set()

    async def claim_and_start(self) -> int:
        """Claim as many sends as there are free slots, and start them; return how many."""
        if len(self._tasks) >= MOST_AT_ONCE:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        async with self._transaction_lock, self._engine.begin() as conn:
            # Before the claim is committed, which may take long: it counts from its statement.
            claimed_at = time.monotonic()
            if time.monotonic() >= self._expire_at:
                await store.expire_sends(conn, compute_claim_timeout_s(self._settings))
                self._expire_at = time.monotonic() + EXPIRE_EVERY_S
            total = MOST_AT_ONCE - len(self._tasks)
            claims = await store.claim_sends(
                conn, self._count_free_slots(), self._settings.sending.requests_per_line, total
            )
        for claim in claims:
            self._under_way[claim.line] += 1
            task = asyncio.create_task(self._send(claim, claimed_at))
            self._tasks.add(task)
            task.add_done_callback(self._remove_task)
        return len(claims)

    async def finish(self) -> None:
        """Wait for the requests in progress, at most as long as one may take."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.sending.timeout_ms / 1000)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _count_free_slots(self) -> dict[LineKey, int]:
        """Return the free send slots of the lines that have sends in progress or are paused."""
        now = time.monotonic()
        self._paused = {line: until for line, until in self._paused.items() if until > now}
        most = self._settings.sending.requests_per_line
        free = {line: max(most - under_way, 0) for line, under_way in self._under_way.items()}
        return free | dict.fromkeys(self._paused, 0)

    async def _send(self, claim: Claim, claimed_at: float) -> None:
        try:
            update = await self._attempt(claim, claimed_at)
            if update.pause_s:
                self._paused[claim.line] = time.monotonic() + update.pause_s
            await self._save(claim, update)
        finally:
            self._under_way -= Counter({claim.line: 1})

    async def _attempt(self, claim: Claim, claimed_at: float) -> SendUpdate:
        # Half of the time after which the claim becomes `unknown`.
        is_late = time.monotonic() - claimed_at > compute_claim_timeout_s(self._settings) / 2
        result = (
            build_failure(ErrorClass.RETRY, "late", "the sender was held up")
            if is_late
            else await self._post(claim)
        )
        update = decide_update(result, claim.attempts, self._settings.sending.retry_ms / 1000)
        instruments.SENDS.labels(str(result.error_class)).inc()
        log.info(
            "send.attempted",
            company_id=claim.send.company_id,
            whatsapp_id=claim.send.whatsapp_id,
            send_id=claim.send.send_id,
            attempt=claim.attempts,
            result=str(result.error_class),
            code=result.code,
        )
        return update

    async def _post(self, claim: Claim) -> GatewayResponse:
        if claim.connection is None:
            return build_failure(
                ErrorClass.PAUSE, "no-connection", "the line has no gateway with a server"
            )
        if claim.refusal:
            return build_refusal(claim.refusal)
        sender, message = SENDERS[claim.connection.gateway], claim.sending
        post = sender.build(message)
        key = self._line_keys.find_gateway_key(claim.connection.gateway, *claim.line)
        headers = {sender.key_header: sender.key_prefix + key} if key else {}
        url = claim.connection.server + post.path
        try:
            async with asyncio.timeout(self._settings.sending.timeout_ms / 1000):
                response = await self._client.request(
                    post.method, url, json=post.json or None, headers=headers
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return build_failure(ErrorClass.RETRY, "unreachable", "the gateway does not answer")
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError):
            return build_failure(
                ErrorClass.PAUSE, "wrong-address", "the connection's server is no URL"
            )
        except (httpx.HTTPError, TimeoutError):
            return build_failure(
                ErrorClass.UNKNOWN, "no-answer", "the gateway was asked and did not answer"
            )
        return sender.read(message, response.status_code, _parse_json(response))

    async def _save(self, claim: Claim, update: SendUpdate) -> None:
        """Save a result; retry until it is saved, because only this process knows it."""
        backoff_s = POLL_S
        while True:
            try:
                async with self._transaction_lock, self._engine.begin() as conn:
                    await store.save_update(conn, claim.send, update)
            except IntegrityError:
                # The gateway returned the wid of another message: save the result without the wid.
                log.error("send.wid_rejected", send_id=claim.send.send_id)  # noqa: TRY400 - not our error
                update = SendUpdate(update.status, GatewayResponse(update.result.error_class))
            except (OSError, SQLAlchemyError) as error:
                self._log_failure(error)
                backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
                await asyncio.sleep(backoff_s)
            else:
                return

    def _remove_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("send.crashed", error=type(error).__name__, exc_info=error)

    def _log_failure(self, error: BaseException) -> None:
        """Log the first failure of a series; a traceback only for errors of our own."""
        if not self._failure_logged:
            self._failure_logged = True
            is_internal = not isinstance(error, OSError | SQLAlchemyError | TimeoutError)
            log.error(
                "sender.postponed",
                error=type(error).__name__,
                exc_info=error if is_internal else None,
            )


@asynccontextmanager
async def run_sender(settings: Settings, engine: AsyncEngine) -> AsyncIterator[None]:
    """Send until the block ends, if CHATIA_SENDER is on."""
    if not settings.sending.enabled:
        yield
        return
    logging.getLogger("httpx").setLevel(logging.WARNING)
    timeout_s = settings.sending.timeout_ms / 1000
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_WITHIN_S)),
        limits=httpx.Limits(max_connections=MOST_AT_ONCE, keepalive_expiry=KEEP_ALIVE_S),
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


def _parse_json(response: httpx.Response) -> JsonValue:
    """Return a response's JSON, or None if it is not JSON or is too large."""
    if len(response.content) > LARGEST_RESPONSE:
        return None
    try:
        body: JsonValue = response.json()
    except (ValueError, RecursionError):
        return None
    return body
