"""`chatia resume`: a line that sends only unreadable records is quarantined until resumed."""

from typing import Any

import pytest

from shared.settings import WorkerSettings
from tests.support import world
from tests.support.build import CUSTOMER, received
from tests.support.chatia import Ended
from tests.support.deployment import Deployment, Record, deployment
from tests.support.deployment_cli import run_chatia

pytestmark = pytest.mark.integration


async def resume(flow: Deployment, *words: str) -> Ended:
    return await run_chatia(flow, "resume", *words)


async def load_dead_letters(flow: Deployment) -> list[tuple[str, str]]:
    rows = await flow.sql('SELECT reason, status FROM "DeadLetters" ORDER BY id')
    return [(row["reason"], row["status"]) for row in rows]


async def load_wids(flow: Deployment) -> list[str]:
    return [row["wid"] for row in await flow.sql('SELECT wid FROM "Messages" ORDER BY wid')]


async def test_a_quarantined_line_is_listed_and_resumed_with_what_came_meanwhile(
    kafka_bootstrap: str, migrated_url: str
) -> None:
    async with deployment(
        kafka_bootstrap, migrated_url, worker=WorkerSettings(quarantine_after=3)
    ) as flow:
        await world.company(flow, 1)
        await world.line(flow, 10, 1)
        await world.line(flow, 11, 1)
        unreadable = Record(flow.topic("message.received"), f"1:10:{CUSTOMER}", b"{")
        await flow.publish(unreadable, unreadable, unreadable, flow.record(received("A1")))
        await flow.publish(flow.record(received("B1", whatsapp_id=11)))
        await flow.settled()
        assert await load_wids(flow) == ["B1"]
        unread = [("unreadable-body", "open")] * 3
        assert await load_dead_letters(flow) == [*unread, ("quarantined", "open")]

        (listed,) = (await resume(flow, "--json")).json
        assert {name: listed[name] for name in ("service", "line", "letters", "reason")} == {
            "service": "contacts",
            "line": "1:10",
            "letters": 1,
            "reason": "unreadable-body",
        }
        would = (await resume(flow, "1:10", "--dry-run", "--json")).json
        assert (would["lifted"], len(would["replayed"]), would["dryRun"]) == (["contacts"], 1, True)
        done: Any = (await resume(flow, "1:10", "--json")).json
        assert (done["lifted"], done["dryRun"]) == (["contacts"], False)
        assert [outcome["outcome"] for outcome in done["outcomes"]] == ["applied"]
        await flow.publish(flow.record(received("A2")))
        await flow.settled()
        assert await load_wids(flow) == ["A1", "A2", "B1"]
        assert await load_dead_letters(flow) == [*unread, ("quarantined", "resolved")]

        assert "No line is quarantined" in (await resume(flow)).answer
        again = await resume(flow, "1:10")
        assert (again.code, "is not quarantined" in again.complaint) == (2, True)
