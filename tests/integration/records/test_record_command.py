"""`chatia record`: saves and deletes rows by events, and prints the answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support import world
from tests.support.chatia import Ended, chatia
from tests.support.deployment import Deployment, deployment

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def flow(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    async with deployment(kafka_bootstrap, migrated_url, ("contacts",)) as started:
        await world.company(started, 1)
        yield started


async def record(flow: Deployment, *words: str, rows: list[dict[str, Any]]) -> Ended:
    url = flow.settings.database.url_override
    assert url
    environment = {
        "DATABASE_URL": url.get_secret_value(),
        "KAFKA_BOOTSTRAP_SERVERS": flow.settings.kafka.bootstrap_servers,
        "CHATIA_NAMESPACE": flow.settings.namespace,
    }
    given = "\n".join(json.dumps(row) for row in rows)
    return await asyncio.to_thread(
        chatia, "record", *words, "-", environment=environment, given=given
    )


async def test_rows_are_saved_changed_and_deleted(flow: Deployment) -> None:
    lanes = [
        {"$name": "last", "name": "Fechados", "kanban": 1},
        {"name": "Novos", "kanban": 1, "timeLane": 30, "nextLaneId": {"$ref": "last"}},
    ]
    ended = await record(flow, "save", "Tags", "--company", "1", rows=lanes)
    assert ended.code == 0, ended
    last, new = await flow.sql('SELECT id, name, "nextLaneId" FROM "Tags" ORDER BY id')
    assert ended.answer == f"Tags: 2 inserted.\ninserted Tags: {last['id']}, {new['id']}\n"
    assert (new["name"], new["nextLaneId"]) == ("Novos", last["id"])

    saved = await record(
        flow, "save", "Tags", "--company", "1", "--actor", "Ana", "--json",
        rows=[{"id": new["id"], "name": "Chegados"}],
    )  # fmt: skip
    assert saved.json["updated"] == {"Tags": [{"id": new["id"]}]}
    assert (saved.json["actor"], saved.json["table"]) == ("Ana", "Tags")

    gone = await record(flow, "delete", "Tags", "--company", "1", rows=[{"id": new["id"]}])
    assert (gone.code, gone.answer) == (0, "Tags: 1 deleted.\n")
    again = await record(
        flow, "delete", "Tags", "--company", "1", rows=[{"id": new["id"]}, {"id": 99}]
    )
    assert (again.code, again.answer, again.complaint) == (
        2,
        "Tags: nothing to do.\n",
        f'There is no such row of Tags: {{"id": {new["id"]}}}, {{"id": 99}}.\n',
    )
    assert await flow.sql('SELECT name FROM "Tags"') == [{"name": "Fechados"}]


async def test_a_refusal_prints_its_reason_and_exits_with_4(flow: Deployment) -> None:
    rows = [{"name": "VIP"}, {"name": "Atacado", "cor": "#fff"}]
    ended = await record(flow, "save", "Tags", "--company", "1", rows=rows)
    assert (ended.code, ended.complaint) == (
        4,
        'Refused (row 2 of the request): "Tags" has no column cor.\n',
    )
    assert await flow.sql('SELECT * FROM "Tags"') == []


async def test_a_company_that_does_not_exist_is_refused_at_once(flow: Deployment) -> None:
    ended = await record(flow, "save", "Tags", "--company", "2", rows=[{"name": "VIP"}])
    assert (ended.code, ended.complaint) == (2, "There is no company 2.\n")


@pytest.mark.parametrize(
    ("table", "given", "complaint"),
    [
        ("Etiquetas", "{}", "There is no table Etiquetas; docs/tables.md lists them.\n"),
        ("Tags", "", "There are no rows in the input.\n"),
        ("Tags", "{", "Line 1 cannot be read: it is not JSON.\n"),
        ("Tags", "[]", "Line 1 cannot be read: a row is an object.\n"),
    ],
)
def test_an_invalid_request_exits_with_2(table: str, given: str, complaint: str) -> None:
    ended = chatia("record", "save", table, "-", "--company", "1", environment={}, given=given)
    assert (ended.code, ended.complaint) == (2, complaint)


async def test_an_error_of_the_database_is_the_reason_of_a_refusal(flow: Deployment) -> None:
    people = [{"name": "Ana", "number": "5511900000001", "lid": "9@lid"}]
    twice = [{"name": "Bia", "number": "5511900000002", "lid": "9@lid"}]
    assert (await record(flow, "save", "Contacts", "--company", "1", rows=people)).code == 0
    ended = await record(flow, "save", "Contacts", "--company", "1", rows=twice)
    assert ended.code == 4
    assert ended.complaint == (
        'Refused: another row of "Contacts" has the same lid (uq_Contacts_companyId_lid): choose '
        "another value, or change that row.\n"
    )
    assert await flow.sql('SELECT * FROM "DeadLetters"') == []
