"""The servers that the integration tests use: real ones, started once for all of them."""

from tests.support.servers import (
    another_migrated_url,
    database_url,
    kafka_bootstrap,
    migrated_template,
    migrated_url,
    servers,
)

__all__ = [
    "another_migrated_url",
    "database_url",
    "kafka_bootstrap",
    "migrated_template",
    "migrated_url",
    "servers",
]
