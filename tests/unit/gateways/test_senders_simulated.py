"""The simulated gateway: it counts, refuses, loses and repeats messages as configured."""

import asyncio
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shared.cli import app as program
from shared.cli.errors import InvalidUsageError
from shared.cli.gateway_sim import FaultOptions, SimulatedGateway
from shared.gateways.senders.outgoing import OutgoingMessage
from shared.gateways.senders.registry import SENDERS
from tests.support.build import CUSTOMER


def build_client(gateway: SimulatedGateway) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(gateway.application)
    return httpx.AsyncClient(transport=transport, base_url="http://sim")


async def send(
    gateway: SimulatedGateway, n: int = 1, chat: str = CUSTOMER, *, key: bool = True
) -> httpx.Response:
    sender = SENDERS[gateway.gateway]
    post = sender.build_request(
        OutgoingMessage("loja", chat, f"s{n}", f"3EB0{n:018}", f"texto {n}")
    )
    headers = {sender.key_header: "k"} if key else {}
    async with build_client(gateway) as http:
        return await http.post(post.path, json=post.json, headers=headers)


async def load_sent(gateway: SimulatedGateway) -> dict[str, Any]:
    async with build_client(gateway) as http:
        sent: dict[str, Any] = (await http.get("/sent")).json()
        return sent


@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_the_simulated_gateway_lists_what_was_sent(name: str) -> None:
    gateway = SimulatedGateway(name)
    answers = [await send(gateway, n) for n in range(3)]
    wids = [
        SENDERS[name].read_response(answer.status_code, answer.json()).wid for answer in answers
    ]
    sent = await load_sent(gateway)
    assert sent["count"] == 3
    assert [message["id"] for message in sent["sent"]] == wids
    assert [message["text"] for message in sent["sent"]] == ["texto 0", "texto 1", "texto 2"]


async def test_late_versions_of_evolution_use_the_given_id() -> None:
    answer = await send(SimulatedGateway("evolution"), 7)
    assert answer.json()["key"]["id"] == f"3EB0{7:018}"


@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_without_a_key_nothing_is_sent(name: str) -> None:
    gateway = SimulatedGateway(name)
    assert (await send(gateway, key=False)).status_code == 401
    assert gateway.sent == []


async def test_the_simulated_gateway_accepts_only_its_paths_and_json() -> None:
    gateway = SimulatedGateway("waha")
    async with build_client(gateway) as http:
        assert (await http.post("/message/sendText/loja", json={})).status_code == 404
        assert (await http.post("/api/sendText", content=b"{")).status_code == 400


@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_numbers_that_end_in_0000_have_no_whatsapp(name: str) -> None:
    gateway = SimulatedGateway(name)
    answer = await send(gateway, chat="5511999990000")
    result = SENDERS[name].read_response(answer.status_code, answer.json())
    assert (result.error_class, gateway.sent) == ("final_recipient", [])


async def test_the_same_seed_gives_the_same_errors() -> None:
    runs = []
    for _ in range(2):
        gateway = SimulatedGateway("waha", FaultOptions(errors=0.5, seed=3))
        runs.append([(await send(gateway, n)).status_code for n in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {201, 429}


async def test_two_runs_with_the_same_seed_give_different_message_ids() -> None:
    wids = []
    for _ in range(2):
        gateway = SimulatedGateway("waha", FaultOptions(seed=3))
        answer = await send(gateway)
        wids.append(SENDERS["waha"].read_response(answer.status_code, answer.json()).wid)
        await asyncio.sleep(0.002)
    assert wids[0] != wids[1]


async def test_a_lost_message_was_sent_and_has_no_answer() -> None:
    gateway = SimulatedGateway("waha", FaultOptions(loss=1.0))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await send(gateway)
    assert len(gateway.sent) == 1


def test_a_webhook_that_is_no_address_is_refused() -> None:
    words = ["gateway-sim", "--port", "9", "--gateway", "waha", "--webhook", "ftp://x"]
    ended = CliRunner().invoke(program.build_app(), words)
    assert isinstance(ended.exception, InvalidUsageError)
