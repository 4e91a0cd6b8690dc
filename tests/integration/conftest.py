"""What tests of a whole deployment share."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.deployment import Deployment, deployment
from tests.support.servers import TestServers, cloned


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(servers: TestServers, migrated_template: str) -> AsyncIterator[Deployment]:
    """Run one deployment for the tests of a module, each of which empties it first."""
    async with (
        cloned(servers.database_url, migrated_template) as url,
        deployment(servers.kafka_bootstrap, url) as started,
    ):
        yield started
