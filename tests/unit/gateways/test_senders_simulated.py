"""The simulated gateway: it counts, refuses, loses and repeats itself as it is told."""

import asyncio
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shared.cli import app as program
from shared.cli.errors import WrongUsage
from shared.cli.gateway_sim import Habits, Simulated
from shared.gateways.senders.outgoing import Sending
from shared.gateways.senders.registry import SENDERS
from tests.support.build import CUSTOMER


def client(gateway: Simulated) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(gateway.application)
    return httpx.AsyncClient(transport=transport, base_url="http://sim")


async def ask(
    gateway: Simulated, n: int = 1, chat: str = CUSTOMER, *, key: bool = True
) -> httpx.Response:
    sender = SENDERS[gateway.gateway]
    post = sender.post(Sending("loja", chat, f"s{n}", f"3EB0{n:018}", f"texto {n}"))
    headers = {sender.key_header: "k"} if key else {}
    async with client(gateway) as http:
        return await http.post(post.path, json=post.json, headers=headers)


async def shown(gateway: Simulated) -> dict[str, Any]:
    async with client(gateway) as http:
        found: dict[str, Any] = (await http.get("/sent")).json()
        return found


@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_it_tells_what_was_sent(name: str) -> None:
    gateway = Simulated(name)
    answers = [await ask(gateway, n) for n in range(3)]
    wids = [SENDERS[name].read(answer.status_code, answer.json()).wid for answer in answers]
    found = await shown(gateway)
    assert found["count"] == 3
    assert [message["id"] for message in found["sent"]] == wids
    assert [message["text"] for message in found["sent"]] == ["texto 0", "texto 1", "texto 2"]


async def test_evolutions_late_versions_use_the_id_that_they_are_given() -> None:
    answer = await ask(Simulated("evolution"), 7)
    assert answer.json()["key"]["id"] == f"3EB0{7:018}"


@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_without_a_key_nothing_is_sent(name: str) -> None:
    gateway = Simulated(name)
    assert (await ask(gateway, key=False)).status_code == 401
    assert gateway.sent == []


async def test_it_knows_its_own_addresses_and_json_alone() -> None:
    gateway = Simulated("waha")
    async with client(gateway) as http:
        assert (await http.post("/message/sendText/loja", json={})).status_code == 404
        assert (await http.post("/api/sendText", content=b"{")).status_code == 400


@pytest.mark.parametrize("name", sorted(SENDERS))
async def test_numbers_that_end_in_0000_have_no_whatsapp(name: str) -> None:
    gateway = Simulated(name)
    answer = await ask(gateway, chat="5511999990000")
    result = SENDERS[name].read(answer.status_code, answer.json())
    assert (result.error_class, gateway.sent) == ("final_recipient", [])


async def test_the_same_seed_has_the_same_misfortunes() -> None:
    runs = []
    for _ in range(2):
        gateway = Simulated("waha", Habits(errors=0.5, seed=3))
        runs.append([(await ask(gateway, n)).status_code for n in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {201, 429}


async def test_two_runs_with_the_same_seed_name_their_messages_differently() -> None:
    wids = []
    for _ in range(2):
        gateway = Simulated("waha", Habits(seed=3))
        answer = await ask(gateway)
        wids.append(SENDERS["waha"].read(answer.status_code, answer.json()).wid)
        await asyncio.sleep(0.002)
    assert wids[0] != wids[1]


async def test_a_lost_message_was_sent_and_has_no_answer() -> None:
    gateway = Simulated("waha", Habits(loss=1.0))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await ask(gateway)
    assert len(gateway.sent) == 1


def test_a_webhook_that_is_no_address_is_refused() -> None:
    words = ["gateway-sim", "--port", "9", "--gateway", "waha", "--webhook", "ftp://x"]
    ended = CliRunner().invoke(program.assembled(), words)
    assert isinstance(ended.exception, WrongUsage)
