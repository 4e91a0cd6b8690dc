"""A database that went back in time: workers refuse it, and go on after the recovery."""

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from shared.cli.gateway_sim import FaultOptions, SimulatedGateway, WebhookOptions
from shared.db.engine import create_engine
from shared.db.identity import DatabaseReplacedError, record_identity
from shared.delivery.checkpoints.restored import WentBackError
from shared.delivery.health.startup import await_servers
from shared.recovery import finish, kafka, statements
from shared.recovery.finish import Recovery
from shared.settings import SendingSettings, Settings
from tests.support import world
from tests.support.build import received
from tests.support.deployment import APPS, Deployment, deployment
from tests.support.deployment_cli import run_chatia
from tests.support.probes import free_port
from tests.support.recovery import (
    CONNECTION,
    MESSAGES,
    OTHER,
    OURS,
    SENT,
    Rows,
    compose,
    name_database,
    receive,
    use_database,
    workers,
)
from tests.support.servers import TestServers, cloned

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

RUNNING = "Workers of tickets, messages, contacts, campaigns run: stop all workers first.\n"
SENDS = """
SELECT m.body, s.status, s."errorCode" FROM "Sends" s
JOIN "Messages" m ON m."companyId" = s."companyId" AND m.wid = s.wid ORDER BY m.body
"""


async def finish_recovery(settings: Settings) -> Recovery:
    """Do what `chatia db recover --finish` does."""
    committed = await kafka.load_all_committed(settings.kafka, settings.namespace)
    engine = create_engine(settings.database, "chatia-tests")
    async with kafka.open_reader(settings.kafka) as reader, engine.begin() as conn:
        found = await finish.finish(conn, reader, committed, settings.namespace)
    await engine.dispose()
    return found


async def live_before_the_backup(flow: Deployment) -> None:
    """Receive and send messages."""
    async with workers(flow.settings, flow):
        await receive(flow, "A1", "A2")
        await flow.settled()
        await flow.publish(flow.request(compose(1)))
        await flow.until_any(f"{SENT} = 1")
        await flow.settled()
    await flow.engine.dispose()


async def live_in_the_lost_time(flow: Deployment) -> tuple[Rows, Rows]:
    """Receive and send more, and meet another contact; return all messages, theirs and ours."""
    async with workers(flow.settings, flow):
        await receive(flow, "A3", "A4")
        other = received("B1", body="B1", chat=OTHER, jid=f"{OTHER}@s.whatsapp.net", lid=None)
        await flow.publish(flow.record(other))
        await flow.settled()
        await flow.publish(flow.request(compose(2)))
        await flow.until_any(f"{SENT} = 2")
        await flow.settled()
    return await flow.sql(MESSAGES), await flow.sql(OURS)


async def assert_is_as_before(restored: Deployment, theirs: Rows, ours: Rows) -> None:
    """Assert that every message is there once, and that ids are not used again."""
    await restored.settled()
    assert await restored.sql(MESSAGES) == theirs
    assert await restored.sql(OURS) == ours
    (contact,) = await restored.sql('SELECT id FROM "Contacts" WHERE number = :n', n=OTHER)
    assert contact["id"] > statements.IDS_SKIPPED
    assert await restored.sql('SELECT reason, detail FROM "DeadLetters"') == []


async def assert_sends_are_held(restored: Deployment) -> None:
    """Assert that what was sent is not sent again, that new sends wait, and let them go."""
    await receive(restored, "A5")
    await restored.publish(restored.request(compose(3)))
    await restored.settled()
    assert await restored.sql(SENDS) == [
        {"body": "Bom dia 1", "status": "sent", "errorCode": None},
        {"body": "Bom dia 2", "status": "sent", "errorCode": None},  # its result is on Kafka
        {"body": "Bom dia 3", "status": "waiting", "errorCode": None},
    ]
    assert "Sends are held since" in (await run_chatia(restored, "status")).answer
    assert (await run_chatia(restored, "sends", "resume")).code == 0
    await restored.until_any(f"{SENT} = 3")


async def test_after_a_recovery_nothing_is_lost_or_twice_and_nothing_is_sent_again(
    servers: TestServers, kafka_bootstrap: str, migrated_url: str
) -> None:
    sending = SendingSettings(enabled=True, retry_ms=50, waha_api_key=SecretStr("k"))
    port = free_port()
    gateway = SimulatedGateway("waha", FaultOptions(), WebhookOptions())
    async with (
        gateway.serve(port),
        deployment(kafka_bootstrap, migrated_url, [], sending=sending) as flow,
    ):
        await world.company(flow, 1)
        await world.line(flow, 10, 1)
        await flow.sql(CONNECTION, server=f"http://127.0.0.1:{port}")
        await live_before_the_backup(flow)
        async with cloned(servers.database_url, name_database(flow)) as copy:
            theirs, ours = await live_in_the_lost_time(flow)
            settings = use_database(flow.settings, copy)
            with pytest.raises(WentBackError, match="went back in time"):
                await APPS["contacts"](settings).run()
            restored = flow.on(settings)
            found = (await run_chatia(restored, "db", "recover", "--finish", "--json")).json
            assert found.pop("toReadAgain") > 0
            assert found == {
                "wentBack": True, "newEpoch": 1, "lostSends": 1, "givenUp": 0, "lostLogs": []
            }  # fmt: skip
            async with workers(settings, restored):
                await assert_is_as_before(restored, theirs, ours)
                await assert_sends_are_held(restored)
                again = await run_chatia(restored, "db", "recover", "--finish")
                assert (again.code, again.complaint) == (4, RUNNING)
            await restored.engine.dispose()
    assert [sent["text"] for sent in gateway.sent] == ["Bom dia 1", "Bom dia 2", "Bom dia 3"]


async def test_another_database_is_refused_until_it_is_accepted(
    servers: TestServers, kafka_bootstrap: str, migrated_url: str
) -> None:
    async with deployment(kafka_bootstrap, migrated_url, []) as flow:
        async with flow.engine.begin() as conn:
            await record_identity(conn)
        await await_servers(flow.settings)
        await flow.engine.dispose()
        async with cloned(servers.database_url, name_database(flow)) as copy:
            other = use_database(flow.settings, copy)
            with pytest.raises(DatabaseReplacedError, match="not the database that was used last"):
                await await_servers(other)
            assert not (await finish_recovery(other)).went_back
            await await_servers(other)


async def test_a_recovery_of_a_database_that_lost_nothing_changes_no_epoch(
    kafka_bootstrap: str, migrated_url: str
) -> None:
    async with deployment(kafka_bootstrap, migrated_url, []) as flow:
        await world.company(flow, 1)
        await world.line(flow, 10, 1)
        async with workers(flow.settings, flow):
            await receive(flow, "A1")
            await flow.settled()
        assert await finish_recovery(flow.settings) == Recovery(went_back=False)
        async with flow.engine.connect() as conn:
            assert await conn.scalar(text('SELECT max(epoch) FROM "Checkpoints"')) == 0
            assert await conn.scalar(text('SELECT "sendsHeldSince" FROM "Deployment"')) is None
