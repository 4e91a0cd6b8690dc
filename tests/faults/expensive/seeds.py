"""Seeds of payloads: all golden payloads, and a sample of every contract of outsiders."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, JsonValue

from shared.contracts import catalogue
from shared.contracts.base import Event
from shared.contracts.gateway import GatewayReceived
from shared.contracts.message import MessageSend
from shared.contracts.record_request import DELETES, SAVES
from shared.gateways.registry import GATEWAYS
from shared.topics import EVOLUTION_EVENTS
from tests.laws.samples import SAMPLES
from tests.support.build import at
from tests.unit.gateways.samples import DATA, load_json

RECEIVED_AT = datetime(2026, 10, 1, tzinfo=UTC)
INSTANCE = "loja"
COMPANY_ID, WHATSAPP_ID = 1, 10
POSTED, EVOLUTION, CONTRACT, STRUCTURED = "posted", "evolution", "contract", "structured"
TEXT, HEADERS = "text", "headers"
MANY_ROWS = 990  # a request may have 1,000
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "tickets": {
        "Queues": {"name": "Vendas", "color": "#fff", "greetingMessage": "Oi"},
        "Users": {"name": "Ana", "email": "ana@example.com", "passwordHash": "x"},
        "QuickMessages": {"shortcode": "oi", "message": "Oi!"},
    },
    "messages": {
        "ApiUsages": {"dateUsed": "01/08/2026", "usedText": 1},
        "Whatsapps": {"name": "Linha", "token": "x"},
    },
    "contacts": {
        "Tags": {"name": "VIP", "kanban": 1, "nextLaneId": {"$ref": "r0"}},
        "Contacts": {"name": "Ana", "number": "5511999990000"},
        "ContactCustomFields": {"name": "CPF", "value": "1", "contactId": {"$ref": "r0"}},
    },
    "campaigns": {
        "FlowBuilders": {"name": "Fluxo", "flow": {"nodes": []}},
        "Campaigns": {"name": "Promo", "message1": "Oi"},
    },
}


@dataclass(frozen=True, slots=True)
class Seed:
    """A body that is grown: where it is published, and how it is wrapped."""

    name: str
    kind: str
    topic: str  # without the namespace; of Evolution API without its prefix
    body: JsonValue
    type: str = ""

    @property
    def family(self) -> str:
        """The group of seeds that is reported together."""
        return self.name.rpartition("/")[0]


@cache
def load_seeds() -> dict[str, Seed]:
    """Return all seeds by their names."""
    found = [
        *_build_posted_seeds(),
        *_build_evolution_seeds(),
        *_build_contract_seeds(),
        *_build_text_seeds(),
        *_build_header_seeds(),
    ]
    return {seed.name: seed for seed in found}


def load_golden_payloads(gateway: str) -> Iterator[tuple[str, JsonValue]]:
    """Yield the golden payloads of a gateway with their names."""
    for path in sorted((DATA / gateway).glob("*.json")):
        yield path.stem, load_json(path)["payload"]


def _build_posted_seeds() -> Iterator[Seed]:
    for gateway in GATEWAYS:
        for stem, payload in load_golden_payloads(gateway):
            yield Seed(f"{POSTED}/{gateway}/{stem}", POSTED, GatewayReceived.topic, payload)


def _build_evolution_seeds() -> Iterator[Seed]:
    for stem, payload in load_golden_payloads("evolution"):
        if isinstance(payload, dict) and isinstance(payload.get("event"), str):
            body = payload | {"instance": INSTANCE, "server_url": ""}
            topic = str(payload["event"]).lower().replace("_", ".")
            topic = topic if topic in EVOLUTION_EVENTS else EVOLUTION_EVENTS[0]
            yield Seed(f"{EVOLUTION}/{stem}", EVOLUTION, topic, body)


def _build_contract_seeds() -> Iterator[Seed]:
    for contract, event in _list_samples():
        if contract.ours_alone:
            continue
        body = json.loads(event.model_dump_json(by_alias=True))
        type_name = contract.ce_type()
        for kind in (CONTRACT, STRUCTURED):
            name = f"{kind}/{contract.topic}/{contract.type}"
            yield Seed(name, kind, contract.topic, body, type_name)
    for kinds, way in ((SAVES, "save"), (DELETES, "delete")):
        for owner, contract in kinds.items():
            for table, row in ROWS[owner].items():
                for count in (2, MANY_ROWS):
                    name = f"{CONTRACT}/{contract.topic}/record.{way} {count} {table}"
                    body = _build_rows(table, row, way, count)
                    yield Seed(name, CONTRACT, contract.topic, body, contract.ce_type())


def _list_samples() -> Iterator[tuple[type[Event], BaseModel]]:
    for of_topic in catalogue.load_contracts().values():
        for contract in of_topic:
            if contract in SAMPLES:
                yield contract, SAMPLES[contract].batch(1)[0]
    send = MessageSend(
        company_id=1, whatsapp_id=10, chat="551190000000", send_id="s1", body="Oi",
        expires_at=at(1),
    )  # fmt: skip
    yield MessageSend, send


def _build_rows(table: str, row: dict[str, Any], way: str, count: int) -> dict[str, Any]:
    rows = [{"$name": f"r{n}", **row} if way == "save" else {"id": n} for n in range(count)]
    return {"companyId": COMPANY_ID, "requestId": f"{way} {table}", "table": table, "rows": rows}


def _build_text_seeds() -> Iterator[Seed]:
    """Yield seeds whose bodies are pieces of text, JSON or not."""
    for gateway in GATEWAYS:
        yield Seed(f"{TEXT}/posted/{gateway}", TEXT, GatewayReceived.topic, gateway)
    yield Seed(f"{TEXT}/record/evolution", TEXT, "messages.upsert", None)
    topics = {seed.topic: seed.type for seed in _build_contract_seeds() if seed.kind == CONTRACT}
    for topic, type_name in topics.items():
        yield Seed(f"{TEXT}/record/{topic}", TEXT, topic, None, type_name)


def _build_header_seeds() -> Iterator[Seed]:
    for topic in (GatewayReceived.topic, "message.received", "tickets.requests"):
        yield Seed(f"{HEADERS}/{topic}", HEADERS, topic, {"companyId": COMPANY_ID})
