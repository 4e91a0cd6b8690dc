"""What workers answer over HTTP while servers are frozen or slow: `/ready`, and posts of a gateway.

Both are asked all the time and recorded; afterwards the records are compared with the moments at
which the servers were frozen.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from shared.dev.demo.companies import LineIds
from shared.gateways.signatures import derive_token, sign
from tests.faults.findings import HEALTH, UNANSWERED, Finding
from tests.faults.worker_pool import WEBHOOK_SECRET, Slot, WorkerPool

ASK_EVERY_S = 0.2
POST_EVERY_S = 0.5
TOLERANCE_S = 1.5  # in addition to what is promised, since the machine is busy
SAID_WITHIN_S = 5.0 + TOLERANCE_S  # a server that does not answer
# After it answers again: five seconds, and the pause of a batch that had to be tried again.
OK_WITHIN_S = 10.0 + TOLERANCE_S
ANSWERED_WITHIN_S = 10.0 + TOLERANCE_S
CLIENT_TIMEOUT_S = 30.0
GATEWAY = "baileys"
# It is read, and ignored for a named reason: the audit of the round does not see it.
BODY = json.dumps({"event": "presence.update", "data": {}}).encode()
TAKEN, POST_AGAIN = 200, 503
OK = "ok"


@dataclass(frozen=True, slots=True)
class Freeze:
    """A server, as `/ready` names it, and from when to when it was frozen (monotonic seconds)."""

    server: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Status:
    """What a worker's `/ready` said at a moment."""

    worker: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Post:
    """A post: when it was sent, how long the answer took, and its status; 0 is no answer."""

    worker: str
    at: float
    seconds: float
    code: int


@dataclass(slots=True)
class Served:
    """The records of a round."""

    statuses: list[Status] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)

    def list_findings(self, freezes: Iterable[Freeze]) -> list[Finding]:
        """Compare the records with the freezes."""
        findings = [*find_slow_answers(self.posts)]
        for freeze in freezes:
            findings += find_untrue_statuses(self.statuses, freeze)
        return findings


def find_untrue_statuses(statuses: Sequence[Status], freeze: Freeze) -> list[Finding]:
    """Return a finding for each worker that did not say the freeze, or not its end, in time."""
    findings = []
    for worker in sorted({status.worker for status in statuses}):
        of_worker = [status for status in statuses if status.worker == worker]
        late = [
            status
            for status in of_worker
            if freeze.began + SAID_WITHIN_S <= status.at <= freeze.ended
            and f"waiting for {freeze.server}" not in status.text
        ]
        if late:
            after_s = late[0].at - freeze.began
            text = f"{worker} said {late[0].text!r} {after_s:.1f} s after {freeze.server} froze"
            findings.append(Finding(HEALTH, text))
        afterwards = [status for status in of_worker if status.at > freeze.ended]
        if afterwards and not any(
            status.text == OK and status.at <= freeze.ended + OK_WITHIN_S for status in afterwards
        ):
            text = f"{worker} said {afterwards[-1].text!r}, and {freeze.server} answered again"
            findings.append(Finding(HEALTH, text))
    return findings


def find_slow_answers(posts: Iterable[Post]) -> list[Finding]:
    """Return a finding for each post without an answer of 200, or 503, in ten seconds."""
    return [
        Finding(UNANSWERED, f"{post.worker}: status {post.code} after {post.seconds:.1f} s")
        for post in posts
        if post.code not in {TAKEN, POST_AGAIN} or post.seconds > ANSWERED_WITHIN_S
    ]


@asynccontextmanager
async def asking(pool: WorkerPool, lines: Sequence[LineIds]) -> AsyncIterator[Served]:
    """Ask every worker of the pool for its status, and post to those with webhooks."""
    served = Served()
    async with httpx.AsyncClient(timeout=CLIENT_TIMEOUT_S, trust_env=False) as client:
        tasks = [asyncio.create_task(_ask(client, slot, served)) for slot in pool.slots]
        tasks += [
            asyncio.create_task(_post(client, slot, lines, served))
            for slot in pool.slots
            if slot.webhook_port
        ]
        try:
            yield served
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _ask(client: httpx.AsyncClient, slot: Slot, served: Served) -> None:
    while True:
        try:
            answer = await client.get(f"http://127.0.0.1:{slot.health_port}/ready")
        except httpx.TransportError:
            pass  # it is dead or starting
        else:
            text = answer.json()["status"]
            served.statuses.append(Status(slot.name, time.monotonic(), text))
        await asyncio.sleep(ASK_EVERY_S)


async def _post(
    client: httpx.AsyncClient, slot: Slot, lines: Sequence[LineIds], served: Served
) -> None:
    """Post to each line in turn; the next post does not wait for the answer."""
    async with asyncio.TaskGroup() as group:
        number = 0
        while True:
            line = lines[number % len(lines)]
            group.create_task(_post_once(client, slot, line, served))
            number += 1
            await asyncio.sleep(POST_EVERY_S)


async def _post_once(client: httpx.AsyncClient, slot: Slot, line: LineIds, served: Served) -> None:
    key = derive_token(WEBHOOK_SECRET, GATEWAY, line.company_id, line.whatsapp_id)
    url = f"http://127.0.0.1:{slot.webhook_port}/gateways/{GATEWAY}/{line.company_id}/"
    began = time.monotonic()
    try:
        answer = await client.post(
            f"{url}{line.whatsapp_id}", content=BODY, headers=sign(GATEWAY, BODY, key)
        )
        code = answer.status_code
    except httpx.ConnectError:
        return  # it is dead or starting: a gateway posts again
    except httpx.TransportError:
        code = 0
    served.posts.append(Post(slot.name, began, time.monotonic() - began, code))
