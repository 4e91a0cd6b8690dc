"""The servers that the integration tests use: real ones, started once for all of them."""

import os

import pytest

from tests.support.servers import (
    another_migrated_url,
    database_url,
    kafka_bootstrap,
    migrated_template,
    migrated_url,
    servers,
    shared_migrated_url,
    world_url,
)


@pytest.fixture(scope="session")
def shuffles() -> int:
    """Return how many orders of events a test tries; CHATIA_TEST_SHUFFLES asks for more."""
    return int(os.environ.get("CHATIA_TEST_SHUFFLES", "12"))


@pytest.fixture(scope="session")
def days() -> int:
    """Return how many made-up days of a company a test plays; CHATIA_TEST_DAYS asks for more."""
    return int(os.environ.get("CHATIA_TEST_DAYS", "5"))


__all__ = [
    "another_migrated_url",
    "database_url",
    "days",
    "kafka_bootstrap",
    "migrated_template",
    "migrated_url",
    "servers",
    "shared_migrated_url",
    "shuffles",
    "world_url",
]
