"""What tests of queries share."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.query_rows import Asking, open_asking


@pytest_asyncio.fixture
async def asking(shared_migrated_url: str) -> AsyncIterator[Asking]:
    """Ask about two companies; everything is rolled back."""
    async with open_asking(shared_migrated_url) as opened:
        yield opened
