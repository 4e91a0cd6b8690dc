"""What tests of queries share."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.support.query_rows import COMPANIES, Asking, find_reader, open_asking
from tests.support.servers import AHEAD, TestServers, shared_database


@pytest.fixture(scope="session")
def companies(servers: TestServers, migrated_template: str) -> Iterator[tuple[str, str]]:
    """Create a database with two companies for all tests; return its URL and its reader."""
    with shared_database(servers, migrated_template, f"{COMPANIES}; {AHEAD}") as url:
        yield url, asyncio.run(find_reader(url))


@pytest_asyncio.fixture
async def asking(companies: tuple[str, str]) -> AsyncIterator[Asking]:
    """Ask about two companies; everything is rolled back."""
    async with open_asking(*companies) as opened:
        yield opened
