"""Dead letters of a deployment: how tests make, read and treat them."""

from typing import Any

from tests.support.build import CUSTOMER, received
from tests.support.chatia import Ended
from tests.support.deployment import Deployment, Record
from tests.support.deployment_cli import run_chatia

KEY = f"1:10:{CUSTOMER}"


async def run(flow: Deployment, *words: str, **variables: str) -> Ended:
    """Run `chatia dead-letters`."""
    return await run_chatia(flow, "dead-letters", *words, **variables)


async def run_for_json(flow: Deployment, *words: str) -> Any:
    """Run `chatia dead-letters` without errors; return its JSON."""
    ended = await run(flow, *words, "--json")
    assert (ended.code, ended.complaint) == (0, "")
    return ended.json


async def load_dead_letters(flow: Deployment) -> list[dict[str, Any]]:
    """Load all dead letters, the oldest first."""
    return await flow.sql(
        'SELECT id, service, status, attempts, reason, body, history FROM "DeadLetters" ORDER BY id'
    )


async def load_wids(flow: Deployment) -> list[str]:
    """Load the wids of all messages."""
    return [row["wid"] for row in await flow.sql('SELECT wid FROM "Messages" ORDER BY wid')]


async def publish_rejected(flow: Deployment, value: bytes | None, **options: Any) -> int:
    """Publish a record that is rejected; return the id of its dead letter."""
    headers = options.get("headers", ())
    await flow.publish(
        Record(flow.topic("message.received"), options.get("key", KEY), value, headers)
    )
    await flow.settled()
    return int((await load_dead_letters(flow))[-1]["id"])


def list_history(dead_letter: dict[str, Any]) -> list[tuple[str, str | None]]:
    """List what was done with a dead letter, and by whom."""
    return [(event["did"], event.get("by")) for event in dead_letter["history"]]


def build_body(wid: str = "A1", **members: object) -> bytes:
    """Build the body of a `message.received`."""
    return received(wid, **members).model_dump_json(by_alias=True).encode()
