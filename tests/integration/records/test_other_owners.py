"""Requests on the topic of a service that does not own the table are refused."""

import pytest

from shared.contracts.record_request import DELETES, SAVES
from shared.records.tables import get_tables
from tests.support import world
from tests.support.deployment import Deployment

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


async def test_every_table_is_refused_by_every_service_that_does_not_own_it(
    standing: Deployment,
) -> None:
    await standing.empty()
    await world.company(standing, 1)
    requests = []
    for owner in SAVES:
        for name, table in get_tables().items():
            if table.owner == owner:
                continue
            about = {"company_id": 1, "table": name}
            rows = ({"name": "x", "key": "x", "value": "y"}, {"$table": name, "name": "x"})
            save, delete = f"save-{owner}-{name}", f"delete-{owner}-{name}"
            requests += [
                SAVES[owner](**about, request_id=save, rows=rows),
                DELETES[owner](**about, request_id=delete, rows=({"id": 1},)),
            ]
    await standing.publish_at_once([standing.request(each) for each in requests])
    await standing.settled()
    answers = {f["requestId"]: f["type"] for f in await standing.facts("record.changed")}
    assert answers == dict.fromkeys(
        (each.request_id for each in requests), "chatia.record.refused.v1"
    )
    assert await standing.sql('SELECT reason FROM "DeadLetters"') == []
