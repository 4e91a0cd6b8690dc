"""Commands of operators that ask running workers, and what the audit shows of them."""

import json

import pytest
import pytest_asyncio

from shared.contracts.ticket_request import TicketNote
from tests.support import world
from tests.support.chatia import Ended, chatia
from tests.support.deployment import Deployment
from tests.support.deployment_cli import run_chatia

pytestmark = pytest.mark.integration
on_the_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    await standing.empty()
    await world.company(standing, 1)
    await world.line(standing, 10, 1)
    return standing


async def set_status(flow: Deployment, status: str) -> Ended:
    words = ("lines", "set-status", status, "--company", "1", "--line", "10", "--actor", "Rui")
    return await run_chatia(flow, *words)


@on_the_loop
async def test_the_status_of_a_line_is_set_as_if_its_gateway_had_reported_it(
    flow: Deployment,
) -> None:
    for status in ("CONNECTED", "DISCONNECTED"):
        ended = await set_status(flow, status)
        assert (ended.code, ended.answer) == (0, f"Line 10 of company 1 is {status}.\n"), ended
        assert await flow.sql('SELECT status FROM "Whatsapps"') == [{"status": status}]
    facts = await flow.facts("connection.changed")
    assert [fact["status"] for fact in facts] == ["CONNECTED", "DISCONNECTED"]
    (listed,) = (await run_chatia(flow, "lines", "list", "--json")).json
    assert (listed["line"], listed["status"]) == (10, "DISCONNECTED")


@on_the_loop
async def test_the_audit_shows_requests_of_the_back_office_beside_commands(
    flow: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("rows") / "tags.ndjson"
    file.write_text('{"name": "VIP"}\n', "utf-8")
    saved = await run_chatia(
        flow, "record", "save", "Tags", str(file), "--company", "1", "--actor", "Ana"
    )
    assert saved.code == 0, saved
    note = TicketNote(company_id=1, request_id="n", ticket_id=99, note="private", actor_id=5)
    await flow.publish(flow.request(note))
    await flow.settled()
    await set_status(flow, "CONNECTED")
    entries = (await run_chatia(flow, "audit", "--company", "1", "--json")).json
    named = [(entry["actor"], entry["asked"], entry["service"]) for entry in entries]
    assert named == [
        ("Rui", "operator.lines.set-status", "messages"),
        ("user 5", "ticket.note", "tickets"),
        ("Ana", "record.save", "contacts"),
    ]
    assert entries[0]["about"] == ["operator.lines.set-status line=10 status=CONNECTED"]
    assert entries[1]["about"][0].startswith("ticket.refused ticketId=99 reason=")
    assert entries[2]["about"] == ["record.saved table=Tags inserted=1"]
    assert "private" not in json.dumps(entries)


def test_a_status_that_there_is_not_is_an_error_of_usage() -> None:
    words = ("lines", "set-status", "ONLINE", "--company", "1", "--line", "10")
    assert chatia(*words, environment={}).code == 2
