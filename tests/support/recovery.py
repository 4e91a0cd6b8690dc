"""What tests of a database that went back in time share: workers, messages, sends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import make_url

from shared.contracts.message_request import MessageCompose
from shared.settings import DatabaseSettings, Settings
from tests.support.build import CUSTOMER, received
from tests.support.deployment import APPS, Deployment, find_logins, running

Rows = list[dict[str, Any]]

OTHER = "5511900000077"
CONNECTION = """
INSERT INTO "GatewayConnections" (gateway, instance, server, "companyId", "whatsappId")
VALUES ('waha', 'default', :server, 1, 10)
"""
MESSAGES = 'SELECT wid, body FROM "Messages" WHERE NOT "fromMe" ORDER BY wid'
SENT = """SELECT 1 WHERE (SELECT count(*) FROM "Sends" WHERE status = 'sent')"""
OURS = 'SELECT body, "fromMe" FROM "Messages" WHERE "fromMe" ORDER BY body'


@asynccontextmanager
async def workers(settings: Settings, flow: Deployment) -> AsyncIterator[None]:
    """Run a worker of each service."""
    logins = await find_logins(settings, flow.engine)
    apps = [
        create(settings.model_copy(update={"database": logins[service]}))
        for service, create in APPS.items()
    ]
    async with running(*apps):
        yield


def use_database(settings: Settings, url: str) -> Settings:
    database = DatabaseSettings.model_validate({"DATABASE_URL": url})
    return settings.model_copy(update={"database": database})


def name_database(flow: Deployment) -> str:
    name = make_url(flow.settings.database.url).database
    assert name
    return name


def compose(number: int) -> MessageCompose:
    return MessageCompose(
        company_id=1,
        whatsapp_id=10,
        chat=CUSTOMER,
        request_id=f"r{number}",
        body=f"Bom dia {number}",
    )


async def receive(flow: Deployment, *wids: str) -> None:
    now = datetime.now(UTC)
    await flow.publish(*(flow.record(received(wid, body=wid, timestamp=now)) for wid in wids))
