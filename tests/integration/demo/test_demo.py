from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO

import pytest
from pydantic import SecretStr
from rich.console import Console

from shared.cli.gateway_sim import SimulatedGateway
from shared.delivery.kafka.clients import build_client_arguments
from shared.dev.demo import verification
from shared.dev.demo.metrics import MetricsReader
from shared.dev.demo.offsets import open_offset_reader
from shared.dev.demo.progress_table import Ending, watch
from shared.dev.demo.publishing import RecordLocation, publish
from shared.dev.demo.run import (
    Gateway,
    PreparedRun,
    build_scope,
    build_target,
    prepare_run,
    run_demo,
    verify_run,
)
from shared.embedded.ready import find_free_ports
from shared.settings import SendingSettings
from tests.support.deployment import Deployment, deployment

pytestmark = pytest.mark.integration


@pytest.fixture
async def running(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    async with deployment(kafka_bootstrap, migrated_url) as running:
        yield running


def build_console() -> Console:
    return Console(file=StringIO(), width=160)


async def run_traffic(
    running: Deployment, events: int = 300
) -> tuple[PreparedRun, list[RecordLocation]]:
    """Run until settled, without verifying."""
    kafka = build_client_arguments(running.settings.kafka)
    run = await prepare_run(running.settings, running.engine, messages=events, seed=3)
    locations = await publish(kafka, run.traffic.all_records)
    async with open_offset_reader(kafka) as offsets:
        metrics = MetricsReader(offsets, running.engine, run.topics, build_scope(run))
        assert await watch(metrics, build_target(run, 60), build_console()) is Ending.SETTLED
    return run, locations


@asynccontextmanager
async def serve_gateway() -> AsyncIterator[Gateway]:
    evolution = SimulatedGateway("evolution")
    (port,) = find_free_ports(1)
    async with evolution.serve(port):
        yield Gateway(f"http://127.0.0.1:{port}", evolution.sent)


async def test_the_demo_passes_twice_on_the_same_servers(
    kafka_bootstrap: str, migrated_url: str
) -> None:
    key = SecretStr("any")
    sending = deployment(
        kafka_bootstrap, migrated_url, sending=SendingSettings(enabled=True, evolution_api_key=key)
    )
    async with sending as running:
        for seed in (1, 2):
            console = build_console()
            async with serve_gateway() as gateway:
                ok = await run_demo(
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


async def test_the_self_check_fails_when_rows_were_changed(
    running: Deployment,
) -> None:
    run, locations = await run_traffic(running)

    async def find_failed() -> set[str]:
        checks = await verify_run(
            build_client_arguments(running.settings.kafka), running.engine, run, locations
        )
        return {done.name.partition(",")[0].partition(":")[0] for done in checks if not done.ok}

    async def change_and_verify(statement: str) -> set[str]:
        await running.sql(statement)
        return await find_failed()

    assert await find_failed() == set()
    assert await change_and_verify(
        'UPDATE "Tickets" SET "unreadMessages" = "unreadMessages" + 1 '
        'WHERE id = (SELECT min(id) FROM "Tickets")'
    ) == {"tickets"}
    assert "campaign shippings" in await change_and_verify(
        'DELETE FROM "CampaignShipping" WHERE id = (SELECT min(id) FROM "CampaignShipping")'
    )
    assert "dead letters" in await change_and_verify(
        'DELETE FROM "DeadLetters" WHERE id = (SELECT min(id) FROM "DeadLetters")'
    )
    assert "messages" in await change_and_verify(
        'DELETE FROM "Messages" WHERE id = (SELECT min(id) FROM "Messages")'
    )
    assert "contacts" in await change_and_verify(
        'DELETE FROM "Contacts" WHERE id = (SELECT min(id) FROM "Contacts")'
    )
    assert not verification.have_passed(
        await verify_run(
            build_client_arguments(running.settings.kafka), running.engine, run, locations
        )
    )


async def test_the_self_check_fails_when_a_ticket_is_missing(running: Deployment) -> None:
    run, locations = await run_traffic(running, events=100)
    await running.sql('DELETE FROM "Tickets" WHERE id = (SELECT max(id) FROM "Tickets")')
    checks = await verify_run(
        build_client_arguments(running.settings.kafka), running.engine, run, locations
    )
    assert {"tickets", "messages"} <= {
        done.name.partition(",")[0] for done in checks if not done.ok
    }
