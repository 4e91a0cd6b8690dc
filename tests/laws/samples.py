"""For every contract that a worker hears: a batch of any size, and a record that cannot be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from shared.contracts.campaign import CampaignSend
from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import (
    MessageIdentified,
    MessageReceived,
    MessageRefused,
    MessageRouted,
    MessageStored,
)
from tests.support.build import at, identified, job, received, refused, routed, stored

PEOPLE = 40  # contacts and tickets that stand before the batch comes
WORLD = f"""
INSERT INTO "Companies" (id, name) VALUES (1, 'Empresa 1');
INSERT INTO "Whatsapps" (id, "companyId", name, "allowGroup") VALUES (10, 1, 'Linha', TRUE);
INSERT INTO "GatewayConnections" (gateway, instance, "companyId", "whatsappId")
  VALUES ('evolution', 'loja', 1, 10);
INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name) VALUES (7, 1, 10, 'Promo');
INSERT INTO "Contacts" (id, "companyId", name, number)
  SELECT 100 + n, 1, 'Pessoa ' || n, '55119900000' || lpad(n::text, 2, '0')
  FROM generate_series(0, {PEOPLE - 1}) AS n;
INSERT INTO "Tickets" (id, "companyId", "whatsappId", "contactId", status)
  SELECT 1000 + n, 1, 10, 100 + 2 * n, 'pending' FROM generate_series(0, {PEOPLE // 2 - 1}) AS n;
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "createdAt")
  SELECT 1, 10, 1000 + n % {PEOPLE // 2}, 'S' || n, 'Oi', '2026-08-20T12:00:00Z'
  FROM generate_series(0, 199) AS n;
"""  # noqa: S608 - the test's own numbers


@dataclass(frozen=True, slots=True)
class Sample:
    """How to make events of one contract."""

    batch: Callable[[int], Sequence[BaseModel]]
    impossible: Callable[[], BaseModel]


def _person(n: int) -> dict[str, object]:
    chat = f"55119900000{n % PEOPLE:02}"
    return {"chat": chat, "jid": f"{chat}@s.whatsapp.net", "timestamp": at(n / 10)}


def _member(n: int) -> dict[str, object]:
    return {**_person(n), "contact_id": 100 + n % PEOPLE, "sender_id": 100 + n % PEOPLE}


def _raw(n: int, **members: object) -> EvolutionRecord:
    data = {
        "key": {"remoteJid": f"5511990{n:06}@s.whatsapp.net", "fromMe": False, "id": f"E{n}"},
        "message": {"conversation": f"oi {n}"},
        "messageTimestamp": 1787228103 + n,
    }
    given = {"event": "messages.upsert", "instance": "loja", "server_url": "x", "data": data}
    return EvolutionRecord.model_validate(given | members)


SAMPLES: dict[type[BaseModel], Sample] = {
    MessageReceived: Sample(
        lambda size: [received(f"R{n}", push_name=None, **_person(n)) for n in range(size)],
        lambda: received("bad", whatsapp_id=99),
    ),
    MessageIdentified: Sample(
        lambda size: [identified(f"I{n}", **_member(n)) for n in range(size)],
        lambda: identified("bad", contact_id=9999),
    ),
    MessageRouted: Sample(
        lambda size: [
            routed(
                f"T{n}",
                ticket_id=1000 + n % (PEOPLE // 2),
                quoted_wid=f"T{n - 1}" if n else None,
                **_member(n),
            )
            for n in range(size)
        ],
        lambda: routed("bad", ticket_id=9999),
    ),
    MessageStored: Sample(
        lambda size: [stored(f"S{n}", ticket_id=1000 + n % (PEOPLE // 2)) for n in range(size)],
        lambda: stored("bad", ticket_id=9999),
    ),
    MessageRefused: Sample(
        lambda size: [refused(f"S{n}", ticket_id=1000 + n % (PEOPLE // 2)) for n in range(size)],
        lambda: refused("bad", ticket_id=9999, ticket_effect="opened"),
    ),
    CampaignSend: Sample(
        lambda size: [job(f"55119900{n:05}") for n in range(size)],
        lambda: job(campaign_id=99),
    ),
    EvolutionRecord: Sample(
        lambda size: [_raw(n) for n in range(size)], lambda: _raw(0, instance="nobody")
    ),
}
