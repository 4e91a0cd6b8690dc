"""The sender and a simulated gateway: nothing is sent twice, and each send has a result."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import BaseModel, SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.messages.domain.keys import LineKey
from services.messages.sending import store
from services.messages.sending.handler import publish_send_results, queue_sends
from services.messages.sending.sender import run_sender
from shared.cli.gateway_sim import FaultOptions, SimulatedGateway, WebhookOptions
from shared.contracts.message import MessageSend
from shared.contracts.message_request import MessageCompose
from shared.db.engine import create_engine
from shared.delivery.subscription import Subscription
from shared.embedded.processes import Guarded
from shared.gateways.senders.registry import SENDERS
from shared.gateways.signatures import derive_token
from shared.recovery import statements
from shared.recovery.statements import LostSend
from shared.settings import DatabaseSettings, SendingSettings, Settings, WebhookSettings
from tests.laws import test_handlers as laws
from tests.laws.samples import SAMPLES, WORLD, Sample
from tests.support import world
from tests.support.build import CUSTOMER, received
from tests.support.deployment import Deployment, deployment
from tests.support.probes import free_port

pytestmark = pytest.mark.integration

LAW = Subscription((MessageSend,), queue_sends)
FAR = datetime(2099, 1, 1, tzinfo=UTC)
LOST_S = 3_600.0
SECRET = "a secret of the test"  # noqa: S105 - made up here
CONNECTION = """
INSERT INTO "GatewayConnections" (gateway, server, instance, "companyId", "whatsappId")
VALUES (:gateway, :server, 'loja', 1, 10)
"""
RECENT = """
WITH contact AS (
  INSERT INTO "Contacts" ("companyId", name, number)
  SELECT 1, 'Pessoa', '55119900010' || lpad(n::text, 2, '0') FROM generate_series(0, 39) AS n
  RETURNING id
), ticket AS (
  INSERT INTO "Tickets" ("companyId", "whatsappId", "contactId", status)
  SELECT 1, 10, id, 'open' FROM contact RETURNING id
)
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "createdAt")
SELECT 1, 10, id, 'recent' || id, 'Oi', now() - interval '1 hour' FROM ticket
"""
STATUSES = "SELECT status, count(*) AS n FROM \"Sends\" WHERE chat <> 'chat' GROUP BY status"


def send(n: int = 1, **members: object) -> MessageSend:
    given = {
        "company_id": 1, "whatsapp_id": 10, "chat": f"55119900010{n % 40:02}",
        "send_id": f"s{n}", "body": f"texto {n}", "expires_at": FAR,
    }  # fmt: skip
    return MessageSend.model_validate(given | members)


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = Sample(
        lambda size: [send(n) for n in range(size)], lambda: send(1, send_id="x", company_id=99)
    )
    samples: dict[type[BaseModel], Sample] = {**SAMPLES, MessageSend: sample}
    monkeypatch.setattr(laws, "SAMPLES", samples)
    connection = CONNECTION.replace(":gateway", "'waha'").replace(":server", "'http://w.example'")
    monkeypatch.setattr(laws, "EXTRA_ROWS", connection)


@pytest.mark.usefixtures("sample")
class TestLaws:
    """The laws of all handlers, for the one that is subscribed only where the sender is on."""

    async def test_twice_is_once(self, world_url: str) -> None:
        await laws.test_twice_is_once(LAW, world_url)

    async def test_where_a_batch_is_cut_changes_nothing(self, world_url: str) -> None:
        await laws.test_where_a_batch_is_cut_changes_nothing(LAW, world_url)

    async def test_one_bad_record_harms_no_neighbour(self, world_url: str) -> None:
        await laws.test_one_bad_record_harms_no_neighbour(LAW, world_url)

    async def test_the_number_of_statements_does_not_depend_on_the_size(
        self, world_url: str
    ) -> None:
        await laws.test_the_number_of_statements_does_not_depend_on_the_size(LAW, world_url)


class Stage:
    """A database, a simulated gateway and senders on both."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings

    async def connect(self, gateway: str, port: int) -> None:
        await self.run(
            CONNECTION,
            gateway=gateway,
            server=f"http://127.0.0.1:{port}/",
        )

    async def receive_recent(self) -> None:
        """Store a message of each customer of an hour ago, so that Meta's window is open."""
        await self.run(RECENT)

    async def run(self, query: str, **values: object) -> list[dict[str, Any]]:
        async with self.engine.begin() as conn:
            found = await conn.execute(text(query), values)
            return [dict(row) for row in found.mappings()] if found.returns_rows else []

    async def queue(self, batch: Sequence[MessageSend]) -> None:
        async with self.engine.begin() as conn:
            await queue_sends(conn, batch)

    async def facts(self, lost_s: float = LOST_S) -> list[Any]:
        async with self.engine.begin() as conn:
            await store.expire_sends(conn, lost_s)
            return list(await publish_send_results(conn))

    @asynccontextmanager
    async def sending(self, **options: object) -> AsyncIterator[None]:
        changed = self.settings.sending.model_copy(update=options)
        settings = self.settings.model_copy(update={"sending": changed})
        async with run_sender(settings, self.engine):
            yield

    async def wait_for_results(self) -> None:
        """Wait until no send is waiting or claimed."""
        async with asyncio.timeout(60):
            while await self.run(  # noqa: ASYNC110 - the database sends no events
                "SELECT 1 FROM \"Sends\" WHERE status IN ('waiting', 'claimed')"
            ):
                await asyncio.sleep(0.05)

    async def statuses(self) -> dict[str, int]:
        return {row["status"]: row["n"] for row in await self.run(STATUSES)}


@pytest_asyncio.fixture
async def stage(migrated_url: str) -> AsyncIterator[Stage]:
    settings = Settings(
        sending=SendingSettings(
            enabled=True,
            timeout_ms=20_000,  # a busy machine stops for seconds
            retry_ms=20,
            waha_api_key=SecretStr("k1"),
            evolution_api_key=SecretStr("k2"),
            cloud_api_token=SecretStr("k3"),
        )
    )
    engine = create_engine(
        DatabaseSettings.model_validate({"DATABASE_URL": migrated_url}), "chatia-tests"
    )
    async with engine.begin() as conn:
        for statement in WORLD.split(";\n"):
            if statement.strip():
                await conn.execute(text(statement))
    yield Stage(engine, settings)
    await engine.dispose()


@asynccontextmanager
async def simulated(
    gateway: str, faults: FaultOptions | None = None, webhooks: WebhookOptions | None = None
) -> AsyncIterator[tuple[SimulatedGateway, int]]:
    port = free_port()
    found = SimulatedGateway(gateway, faults or FaultOptions(), webhooks or WebhookOptions())
    async with found.serve(port):
        yield found, port


def assert_no_duplicates(gateway: SimulatedGateway) -> None:
    texts = Counter(str(message["text"]) for message in gateway.sent)
    assert [body for body, times in texts.items() if times > 1] == []


@pytest.mark.parametrize("gateway", sorted(SENDERS))
async def test_each_send_is_made_once_and_has_a_result(gateway: str, stage: Stage) -> None:
    async with simulated(gateway) as (found, port), stage.sending():
        await stage.connect(gateway, port)
        await stage.receive_recent()
        batch = [send(n) for n in range(60)]
        await stage.queue(batch)
        await stage.queue(batch)
        await stage.wait_for_results()
        await stage.queue(batch)
        await asyncio.sleep(0.3)
    assert_no_duplicates(found)
    assert len(found.sent) == 60
    facts = await stage.facts()
    assert {(fact.type, fact.send_id) for fact in facts} == {
        ("message.sent", f"s{n}") for n in range(60)
    }
    assert {fact.wid for fact in facts} == {message["id"] for message in found.sent}
    assert await stage.facts() == []
    assert await stage.run('SELECT 1 FROM "Sends" WHERE request IS NOT NULL') == []


async def test_two_processes_keep_each_chats_order(stage: Stage) -> None:
    async with simulated("waha", FaultOptions(delay_ms=5, errors=0.1)) as (found, port):
        await stage.connect("waha", port)
        batch = [send(n, chat=f"5511990001{n % 4:03}") for n in range(80)]
        await stage.queue(batch)
        async with stage.sending(), stage.sending():
            await stage.wait_for_results()
    assert_no_duplicates(found)
    assert len(found.sent) == 80
    for chat in range(4):
        sent = [m["text"] for m in found.sent if str(m["to"]).startswith(f"5511990001{chat:03}")]
        assert sent == [f"texto {n}" for n in range(80) if n % 4 == chat]


@pytest.mark.parametrize("gateway", sorted(SENDERS))
async def test_lost_responses_are_unknown_and_never_repeated(gateway: str, stage: Stage) -> None:
    faults = FaultOptions(loss=0.2, errors=0.1, seed=7)
    async with simulated(gateway, faults) as (found, port):
        await stage.connect(gateway, port)
        await stage.receive_recent()
        await stage.queue([send(n) for n in range(30)])
        async with stage.sending(timeout_ms=3_000):
            await stage.wait_for_results()
        assert_no_duplicates(found)
        assert len(found.sent) == 30
    statuses = await stage.statuses()
    assert set(statuses) == {"sent", "unknown"}
    facts = await stage.facts()
    assert sum(fact.type == "message.failed" for fact in facts) == statuses["unknown"]
    assert {fact.error_class for fact in facts if fact.type == "message.failed"} == {"unknown"}


async def test_what_can_never_be_sent_fails_at_once(stage: Stage) -> None:
    async with simulated("evolution") as (found, port), stage.sending():
        await stage.connect("evolution", port)
        await stage.queue([send(1, chat="5511999990000"), send(2)])
        await stage.wait_for_results()
    assert [message["text"] for message in found.sent] == ["texto 2"]
    (failure,) = [fact for fact in await stage.facts() if fact.type == "message.failed"]
    assert (failure.error_class, failure.error_code) == ("final_recipient", "not-on-whatsapp")


async def test_an_expired_send_is_not_made(stage: Stage) -> None:
    async with simulated("waha") as (found, port), stage.sending():
        await stage.connect("waha", port)
        await stage.queue([send(1, expires_at=datetime.now(UTC) - timedelta(seconds=1))])
        await asyncio.sleep(0.3)
        (failure,) = await stage.facts()
    assert (failure.error_class, failure.error_code) == ("expired", "expired")
    assert found.sent == []


async def test_a_gateway_that_is_away_is_waited_for(stage: Stage) -> None:
    port = free_port()
    await stage.connect("waha", port)
    await stage.queue([send(1)])
    async with stage.sending():
        await asyncio.sleep(0.3)
        assert set(await stage.statuses()) <= {"waiting", "claimed"}
        gateway = SimulatedGateway("waha")
        async with gateway.serve(port):
            await stage.wait_for_results()
    assert len(gateway.sent) == 1


async def test_a_wrong_key_pauses_the_line_and_fails_nothing(stage: Stage) -> None:
    async with simulated("waha") as (found, port):
        await stage.connect("waha", port)
        await stage.queue([send(n) for n in range(5)])
        async with stage.sending(waha_api_key=SecretStr("")):
            await asyncio.sleep(0.5)
    assert found.sent == []
    rows = await stage.run(
        'SELECT status, attempts, "errorCode" FROM "Sends" WHERE attempts > 0 ORDER BY place'
    )
    assert {(row["status"], row["errorCode"]) for row in rows} == {("waiting", "http-401")}
    assert all(row["attempts"] == 1 for row in rows)


async def test_a_lines_own_key_is_used(stage: Stage) -> None:
    async with simulated("waha") as (found, port):
        await stage.connect("waha", port)
        await stage.queue([send(1)])
        keys = {"1_10": SecretStr("own")}
        async with stage.sending(waha_api_key=SecretStr(""), line_keys=keys):
            await stage.wait_for_results()
    assert len(found.sent) == 1


async def test_a_claim_of_a_process_that_died_is_unknown(stage: Stage) -> None:
    async with simulated("waha") as (found, port):
        await stage.connect("waha", port)
        await stage.queue([send(1), send(41)])  # of one chat
        async with stage.engine.begin() as conn:
            (claim,) = await store.claim_sends(conn, {}, 4, 64)
        assert claim.send.send_id == "s1"
        (failure,) = await stage.facts(lost_s=0)
        assert (failure.send_id, failure.error_class) == ("s1", "unknown")
        async with stage.sending():
            await stage.wait_for_results()
    assert [message["text"] for message in found.sent] == ["texto 41"]


async def test_what_may_have_been_sent_before_a_restore_is_unknown(stage: Stage) -> None:
    async with simulated("waha") as (found, port):
        await stage.connect("waha", port)
        await stage.queue([send(1)])  # it waited when the backup was made
        async with stage.engine.begin() as conn:
            lost = {LostSend(1, "s2")}  # Kafka shows it as published after the restored point
            assert await statements.give_up_sends(conn, lost) == 1
        await stage.queue([send(2), send(3)])
        async with stage.engine.begin() as conn:
            assert await store.claim_sends(conn, {}, 4, 64) == []  # sends are held
            assert await statements.release_sends(conn)
        async with stage.sending():
            await stage.wait_for_results()
    assert [message["text"] for message in found.sent] == ["texto 3"]
    results = {
        fact.send_id: (fact.type, getattr(fact, "error_class", "")) for fact in await stage.facts()
    }
    assert results == {
        "s1": ("message.failed", "unknown"),
        "s2": ("message.failed", "unknown"),
        "s3": ("message.sent", ""),
    }


async def test_lines_without_a_server_are_left_to_their_gateways(stage: Stage) -> None:
    await stage.queue([send(1)])  # the world's own connection has no server
    assert await stage.statuses() == {}


async def test_a_line_has_no_more_requests_under_way_than_it_may(stage: Stage) -> None:
    async with stage.engine.begin() as conn:
        await conn.execute(text("""UPDATE "GatewayConnections" SET server = 'http://x'"""))
        await queue_sends(conn, [send(n) for n in range(20)])
        assert len(await store.claim_sends(conn, {}, 4, 64)) == 4
        assert len(await store.claim_sends(conn, {LineKey(1, 10): 1}, 4, 64)) == 1
        assert await store.claim_sends(conn, {LineKey(1, 10): 0}, 4, 64) == []


@pytest_asyncio.fixture
async def flow(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[tuple[Deployment, int]]:
    port = free_port()
    sending = SendingSettings(
        enabled=True,
        timeout_ms=20_000,
        retry_ms=50,
        waha_api_key=SecretStr("k1"),
        evolution_api_key=SecretStr("k2"),
        cloud_api_token=SecretStr("k3"),
    )
    webhooks = WebhookSettings(
        port=port, secret=SecretStr(SECRET), cloud_api_secrets=SecretStr(SECRET)
    )
    async with deployment(
        kafka_bootstrap, migrated_url, sending=sending, webhooks=webhooks
    ) as started:
        await world.company(started, 1)
        await world.line(started, 10, 1, allowGroup=True)
        yield started, port


@pytest.mark.parametrize("gateway", sorted(SENDERS))
async def test_a_message_to_a_customer_is_sent_and_its_acks_come_back(
    gateway: str, flow: tuple[Deployment, int]
) -> None:
    started, webhook = flow
    key = SECRET if gateway == "cloud-api" else derive_token(SECRET, gateway, 1, 10)
    webhooks = WebhookOptions(f"http://127.0.0.1:{webhook}/gateways/{gateway}/1/10", key)
    async with simulated(gateway, FaultOptions(errors=0.2, duplicates=0.5), webhooks) as (
        found,
        port,
    ):
        await started.sql(
            CONNECTION,
            gateway=gateway,
            server=f"http://127.0.0.1:{port}",
        )
        await started.publish(started.record(received("A1", timestamp=datetime.now(UTC))))
        await started.settled()
        asks = [
            MessageCompose(
                company_id=1, whatsapp_id=10, chat=CUSTOMER, request_id=f"r{n}", body=f"Bom dia {n}"
            )
            for n in range(8)
        ]
        await started.publish(*(started.request(ask) for ask in asks * 2))
        await started.until_none(
            'SELECT 1 WHERE (SELECT count(*) FROM "Messages" WHERE "fromMe" AND ack = 3) < 8'
        )
        await started.settled()
    assert_no_duplicates(found)
    assert [message["text"] for message in found.sent] == [f"Bom dia {n}" for n in range(8)]
    rows = await started.sql('SELECT wid, body FROM "Messages" WHERE "fromMe" ORDER BY "createdAt"')
    assert [row["body"] for row in rows] == [f"Bom dia {n}" for n in range(8)]
    assert {row["wid"] for row in rows} == {message["id"] for message in found.sent}
    (ticket,) = await started.sql('SELECT "lastMessage", "fromMe", "unreadMessages" FROM "Tickets"')
    assert ticket == {"lastMessage": "Bom dia 7", "fromMe": True, "unreadMessages": 0}
    assert await started.sql('SELECT reason, detail FROM "DeadLetters"') == []
    answers = await started.facts("message.answered")
    assert Counter(fact["type"] for fact in answers) == {"chatia.message.sent.v1": 8}


CHATS = [f"55119900010{n:02}" for n in range(12)]
EACH = 10
MESSAGES = len(CHATS) * EACH


class KillableWorker:
    """A messages worker in its own process, which is killed and restarted."""

    def __init__(self, started: Deployment, folder: Path) -> None:
        settings = started.settings
        self._folder = folder
        self._env = os.environ | {
            "DATABASE_URL": settings.database.url.replace("+asyncpg", ""),
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
            "CHATIA_NAMESPACE": settings.namespace,
            "CHATIA_EVOLUTION_PREFIX": settings.evolution_prefix,
            "CHATIA_SENDER": "on",
            "CHATIA_SEND_TIMEOUT_MS": "500",
            "CHATIA_WAHA_API_KEY": "k1",
        }
        self._starts = 0
        self.process = self._start()

    def _start(self) -> Guarded:
        self._starts += 1
        argv = [sys.executable, "-m", "shared.cli", "worker", "messages"]
        log_path = self._folder / f"{self._starts}.log"
        return Guarded.start(argv, log_path=log_path, env=self._env)

    async def kill_and_restart(self) -> None:
        await asyncio.to_thread(self.process.kill)
        self.process = await asyncio.to_thread(self._start)


async def receive_greetings(started: Deployment) -> None:
    """Receive a message of each contact, so that each has a ticket."""
    greetings = [received(f"A{c}", chat=c, jid=f"{c}@s.whatsapp.net") for c in CHATS]
    await started.publish(*map(started.record, greetings))
    await started.until_none('SELECT 1 WHERE (SELECT count(*) FROM "Messages") < :n', n=len(CHATS))


def build_requests() -> list[MessageCompose]:
    return [
        MessageCompose(
            company_id=1, whatsapp_id=10, chat=chat, request_id=f"{chat}:{n}", body=f"{chat} {n}"
        )
        for n in range(EACH)
        for chat in CHATS
    ]


async def wait_for_all_results(started: Deployment) -> None:
    with suppress(TimeoutError):  # a group whose members were killed may take a minute to meet
        await started.until_none("SELECT 1 FROM \"Sends\" WHERE status = 'queued'")
    await started.until_none(
        """SELECT 1 WHERE :n > (SELECT count(*) FROM "Sends"
                                WHERE status IN ('sent', 'unknown'))""",
        n=MESSAGES,
    )
    await started.until_none('SELECT 1 FROM "Sends" WHERE "isUntold"')
    await started.until_none(
        """SELECT 1 FROM "Sends" s JOIN "Messages" m ON m.id = s."messageId"
           WHERE s.status = 'sent' AND m.ack < 1"""
    )


async def test_a_worker_that_is_killed_repeatedly_sends_nothing_twice(
    kafka_bootstrap: str, migrated_url: str, tmp_path: Path
) -> None:
    dice = Random(11)
    async with (
        deployment(kafka_bootstrap, migrated_url, ("contacts", "tickets")) as started,
        simulated("waha", FaultOptions(delay_ms=60, errors=0.1)) as (found, port),
    ):
        await world.company(started, 1)
        await world.line(started, 10, 1, allowGroup=True)
        await started.sql(CONNECTION, gateway="waha", server=f"http://127.0.0.1:{port}")
        worker = KillableWorker(started, tmp_path)
        try:
            await receive_greetings(started)
            await started.publish(*map(started.request, build_requests()))
            for _ in range(4):
                await asyncio.sleep(dice.uniform(2.0, 5.0))
                await worker.kill_and_restart()
            await wait_for_all_results(started)
        finally:
            await asyncio.to_thread(worker.process.stop)
        sends = await started.sql('SELECT "sendId", status FROM "Sends"')
        answers = {fact["sendId"] for fact in await started.facts("message.answered")}
    assert_no_duplicates(found)
    unknown = [row for row in sends if row["status"] == "unknown"]
    assert len(sends) == MESSAGES
    assert answers == {row["sendId"] for row in sends}
    assert MESSAGES - len(unknown) <= len(found.sent) <= MESSAGES
    for chat in CHATS:
        numbers = [int(str(m["text"])[-1]) for m in found.sent if str(m["to"]).startswith(chat)]
        assert numbers == sorted(numbers)
    assert len(unknown) < MESSAGES / 4


async def test_the_simulator_stops_on_a_signal_while_a_client_waits(tmp_path: Path) -> None:
    port = free_port()
    words = ["gateway-sim", "--port", str(port), "--gateway", "waha", "--loss", "1"]
    argv = [sys.executable, "-m", "shared.cli", *words]
    process = Guarded.start(argv, log_path=tmp_path / "sim.log", env=dict(os.environ))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            asked: dict[str, Any] = {"json": {"session": "s", "chatId": "1@c.us", "text": "Oi"}}
            async with asyncio.timeout(30):
                while not await is_serving(client, asked):  # noqa: ASYNC110 - it sends no events
                    await asyncio.sleep(0.2)
            assert (await client.get("/sent")).json()["count"] == 1
            waiting = asyncio.create_task(
                client.post("/api/sendText", **asked, headers={"X-Api-Key": "k"}, timeout=60)
            )
            await asyncio.sleep(0.3)
            assert await asyncio.to_thread(process.stop) == 0
            await asyncio.gather(waiting, return_exceptions=True)
    finally:
        await asyncio.to_thread(process.stop)


async def is_serving(client: httpx.AsyncClient, asked: dict[str, Any]) -> bool:
    """Post a message whose response is lost; return whether the simulator is serving."""
    try:
        await client.post("/api/sendText", **asked, headers={"X-Api-Key": "k"}, timeout=0.5)
    except httpx.ReadTimeout:
        return True
    except httpx.TransportError:
        return False
    return True
