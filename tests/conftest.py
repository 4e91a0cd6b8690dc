"""The servers that the integration tests use: real ones, started once for all of them."""

from tests.support.servers import database_url, kafka_bootstrap, servers

__all__ = ["database_url", "kafka_bootstrap", "servers"]
