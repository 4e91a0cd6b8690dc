"""Runs `chatia` against a deployment of tests, as an operator does."""

import asyncio

from tests.support.chatia import Ended, chatia
from tests.support.deployment import Deployment


async def run_chatia(deployment: Deployment, *words: str, **variables: str) -> Ended:
    """Run `chatia` while the workers go on; the operator is `ana`."""
    url = deployment.settings.database.url_override
    assert url
    environment = {
        "DATABASE_URL": url.get_secret_value(),
        "KAFKA_BOOTSTRAP_SERVERS": deployment.settings.kafka.bootstrap_servers,
        "CHATIA_NAMESPACE": deployment.settings.namespace,
        "USER": "ana",
    }
    return await asyncio.to_thread(chatia, *words, environment=environment | variables)
