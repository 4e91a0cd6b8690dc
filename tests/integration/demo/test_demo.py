from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO

import pytest
from pydantic import SecretStr
from rich.console import Console

from shared.cli.gateway_sim import Simulated
from shared.demo import check
from shared.demo.gauges import Gauges
from shared.demo.offsets import open_offsets
from shared.demo.play import Gateway, Prepared, demo, prepare, rows_of, verify, wait_for
from shared.demo.publish import Place, publish
from shared.demo.watch import Ending, watch
from shared.embedded.ready import free_ports
from shared.kafka import connection
from tests.support.deployment import Deployment, deployment

pytestmark = pytest.mark.integration


@pytest.fixture
async def running(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    async with deployment(kafka_bootstrap, migrated_url) as started:
        yield started


def quiet() -> Console:
    return Console(file=StringIO(), width=160)


async def played(running: Deployment, events: int = 300) -> tuple[Prepared, list[Place]]:
    """Play a run to its end and leave it standing, to be tampered with."""
    kafka = connection(running.settings.kafka)
    run = await prepare(running.settings, running.engine, messages=events, seed=3)
    places = await publish(kafka, run.script.all)
    async with open_offsets(kafka) as offsets:
        gauges = Gauges(offsets, running.engine, run.topics, rows_of(run))
        assert await watch(gauges, wait_for(run, 60), quiet()) is Ending.SETTLED
    return run, places


@asynccontextmanager
async def simulated() -> AsyncIterator[Gateway]:
    evolution = Simulated("evolution")
    (port,) = free_ports(1)
    async with evolution.serving(port):
        yield Gateway(f"http://127.0.0.1:{port}", evolution.sent)


async def test_the_demo_ends_well_and_so_does_the_next_one_on_the_same_servers(
    kafka_bootstrap: str, migrated_url: str
) -> None:
    key = SecretStr("any")
    sending = deployment(kafka_bootstrap, migrated_url, sender=True, evolution_api_key=key)
    async with sending as running:
        for seed in (1, 2):
            console = quiet()
            async with simulated() as gateway:
                ok = await demo(
                    running.settings,
                    messages=300,
                    seed=seed,
                    console=console,
                    limit_s=60,
                    gateway=gateway,
                )
            assert isinstance(console.file, StringIO)
            assert ok, console.file.getvalue()
            assert "each taken by the gateway once" in console.file.getvalue()


async def test_the_self_check_fails_when_somebody_tampers_with_the_rows(
    running: Deployment,
) -> None:
    run, places = await played(running)

    async def failed() -> set[str]:
        checks = await verify(connection(running.settings.kafka), running.engine, run, places)
        return {done.name.partition(",")[0].partition(":")[0] for done in checks if not done.ok}

    async def tampered(statement: str) -> set[str]:
        await running.sql(statement)
        return await failed()

    assert await failed() == set()
    assert await tampered(
        'UPDATE "Tickets" SET "unreadMessages" = "unreadMessages" + 1 '
        'WHERE id = (SELECT min(id) FROM "Tickets")'
    ) == {"tickets"}
    assert "campaign shippings" in await tampered(
        'DELETE FROM "CampaignShipping" WHERE id = (SELECT min(id) FROM "CampaignShipping")'
    )
    assert "dead letters" in await tampered(
        'DELETE FROM "DeadLetters" WHERE id = (SELECT min(id) FROM "DeadLetters")'
    )
    assert "messages" in await tampered(
        'DELETE FROM "Messages" WHERE id = (SELECT min(id) FROM "Messages")'
    )
    assert "contacts" in await tampered(
        'DELETE FROM "Contacts" WHERE id = (SELECT min(id) FROM "Contacts")'
    )
    assert not check.all_hold(
        await verify(connection(running.settings.kafka), running.engine, run, places)
    )


async def test_the_self_check_fails_when_a_ticket_is_gone(running: Deployment) -> None:
    run, places = await played(running, events=100)
    await running.sql('DELETE FROM "Tickets" WHERE id = (SELECT max(id) FROM "Tickets")')
    checks = await verify(connection(running.settings.kafka), running.engine, run, places)
    assert {"tickets", "messages"} <= {
        done.name.partition(",")[0] for done in checks if not done.ok
    }
