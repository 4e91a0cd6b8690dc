"""Attacks: records of one company that once delayed all others, and the others' delays."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from pydantic import JsonValue

from shared.contracts.gateway import GatewayReceived
from shared.contracts.json_limits import LONGEST_MEMBER_NAME
from shared.contracts.record_request import ContactsRecordSave, MessagesRecordSave
from tests.support import world
from tests.support.any_batches import CODECS, batch, record
from tests.support.build import NOON, received
from tests.support.deployment import Deployment, Record

ATTACKER, LINE = 1, 10
OTHER, OTHER_LINE = 2, 20
LOOK_S = 0.01
STORED_WITHIN_S = 60.0
PEOPLE = 1_000
HUGE = 100  # MiB
POISON = "POISON"  # a wid that the database refuses with an SQLSTATE of its own
REFUSE = (
    """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'this message is not wanted' USING ERRCODE = 'V0001';
END $$
""",
    f"""
CREATE TRIGGER refuse BEFORE INSERT ON "Messages" FOR EACH ROW
WHEN (NEW.wid LIKE '{POISON}%') EXECUTE FUNCTION refuse()
""",
)


@dataclass(frozen=True, slots=True)
class Attack:
    """Records, built anew for each number, and the reasons of their dead letters.

    `times`: repetitions in a short test; fewer for attacks whose parts become messages or acks,
    which are handled as ordinary work.
    """

    name: str
    write: Callable[[Deployment, int], Sequence[Record | bytes]]
    reasons: tuple[str, ...] = ()
    times: int = 3


def build_posted(
    gateway: str, payload: JsonValue | bytes
) -> Callable[[Deployment, int], list[Record]]:
    """Return a builder of records that the owner of one line's token can publish."""
    body = payload.decode() if isinstance(payload, bytes) else json.dumps(payload)
    event = GatewayReceived(
        company_id=ATTACKER, whatsapp_id=LINE, gateway=gateway, received_at=NOON, body=body
    )
    return lambda flow, _: [flow.record(event)]


def _build_evolution_go(names: Sequence[str]) -> JsonValue:
    info: JsonValue = {"ID": "GO", "Chat": "5511900000009@s.whatsapp.net", "IsFromMe": False}
    return {"event": "Message", "data": {"Info": info, "Message": dict.fromkeys(names, 1)}}


def _build_waha(names: Sequence[str]) -> JsonValue:
    message: JsonValue = {"Message": dict.fromkeys(names, 1), "Info": {"ID": "WAHA"}}
    payload: JsonValue = {"id": "false_5511900000009@c.us_WAHA", "_data": message}
    return {"event": "message", "engine": "GOWS", "session": "default", "payload": payload}


def _build_cloud(**value: JsonValue) -> JsonValue:
    about: JsonValue = {"metadata": {"phone_number_id": "1"}, **value}
    return {"entry": [{"changes": [{"field": "messages", "value": about}]}]}


def _build_contacts(count: int) -> list[JsonValue]:
    return [{"wa_id": _build_number(n), "profile": {"name": "x" * 200}} for n in range(count)]


def _build_number(number: int) -> str:
    return f"5511{number:09}"


def _build_messages(count: int) -> list[JsonValue]:
    return [
        {"from": _build_number(PEOPLE - 1), "id": f"wamid.{n}", "timestamp": "1787227200",
         "type": "text", "text": {"body": "Oi"}}
        for n in range(count)
    ]  # fmt: skip


def _build_statuses(count: int) -> list[JsonValue]:
    return [
        {"id": f"wamid.{n}", "recipient_id": f"5513{n:09}", "status": "sent",
         "timestamp": "1787227200"}
        for n in range(count)
    ]  # fmt: skip


def _build_unreadable(body: bytes) -> Callable[[Deployment, int], list[Record]]:
    key = f"{ATTACKER}:{LINE}:5511900000009"
    return lambda flow, _: [Record(flow.topic("message.received"), key, body)]


@cache
def _build_huge(codec: str) -> bytes:
    """Build a batch of one record of 100 MB; some hundred kilobytes once compressed."""
    number, compress = CODECS[codec]
    filler = b'"x' + b" " * (2**20 - 3) + b'",'
    body = (b"[", *[filler] * HUGE, b"0]")
    key = f"{ATTACKER}:{LINE}:5511900000009".encode()
    return batch([record(0, key, iter(body), sum(map(len, body)))], 1, number, compress)


def _draw_noise(seed: int, size: int = 9_000) -> str:
    random = Random(seed)
    return "".join(random.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(size))


def _build_long_rows(flow: Deployment, number: int) -> list[Record]:
    """Build requests for rows with more characters than an index accepts."""
    about = {"company_id": ATTACKER, "request_id": f"attack-{number}"}
    contact = {"name": "Maria", "number": f"5514{number:09}", "jid": _draw_noise(number)}
    usage = {"dateUsed": _draw_noise(number + 1)}
    return [
        flow.request(ContactsRecordSave(**about, table="Contacts", rows=(contact,))),
        flow.request(MessagesRecordSave(**about, table="ApiUsages", rows=(usage,))),
    ]


def _build_poison(flow: Deployment, number: int) -> list[Record]:
    event = received(f"{POISON}{number}", chat="5511900000009", jid="5511900000009@s.whatsapp.net")
    return [flow.record(event)]


LONG_NAME = "A" * 32_000 + "!"
LARGEST_NAMES = [f"{n:04}" + "A" * (LONGEST_MEMBER_NAME - 5) + "!" for n in range(30)]
ATTACKS = (
    Attack(
        "one long name, Evolution Go",
        build_posted("evolution-go", _build_evolution_go([LONG_NAME])),
        ("name-too-long",),
    ),
    Attack(
        "the longest names, Evolution Go",
        build_posted("evolution-go", _build_evolution_go(LARGEST_NAMES)),
    ),
    Attack(
        "one long name, WAHA", build_posted("waha", _build_waha([LONG_NAME])), ("name-too-long",)
    ),
    Attack("the longest names, WAHA", build_posted("waha", _build_waha(LARGEST_NAMES))),
    Attack(
        "a thousand statuses and contacts",
        build_posted(
            "cloud-api",
            _build_cloud(contacts=_build_contacts(PEOPLE), statuses=_build_statuses(PEOPLE)),
        ),
        times=1,
    ),
    Attack(
        "a thousand messages and contacts",
        build_posted(
            "cloud-api",
            _build_cloud(contacts=_build_contacts(PEOPLE), messages=_build_messages(PEOPLE)),
        ),
        times=1,
    ),
    Attack("runs of %5D", _build_unreadable(b"%5D" * 16_000), ("unreadable-body",)),
    Attack("a bottomless body", _build_unreadable(b"[" * 900_000), ("too-many-members",)),
    Attack("100 MB in a gzip batch", lambda _, __: [_build_huge("gzip")], ("too-large",)),
    Attack("100 MB in a zstd batch", lambda _, __: [_build_huge("zstd")], ("too-large",)),
    Attack("9,000 characters in an index", _build_long_rows),
    Attack("refused for a reason that nobody lists", _build_poison, ("poison",)),
)


async def prepare(flow: Deployment) -> None:
    """Insert the attacker and the other company, and create the trigger that refuses messages."""
    for company_id, line in ((ATTACKER, LINE), (OTHER, OTHER_LINE)):
        await world.company(flow, company_id)
        await world.line(flow, line, company_id)
    for statement in REFUSE:
        await flow.sql(statement)


async def launch(flow: Deployment, attack: Attack, number: int) -> None:
    """Publish the records of an attack."""
    for written in attack.write(flow, number):
        if isinstance(written, bytes):
            await flow.publish_batch("message.received", written)
        else:
            await flow.publish(written)


async def measure_delays(flow: Deployment, name: str, count: int, pause_s: float) -> list[float]:
    """Send messages of the other company at a steady pace; return the seconds until stored."""
    sending = []
    for number in range(count):
        sending.append(asyncio.create_task(_measure_delay(flow, f"{name}-{number}")))
        await asyncio.sleep(pause_s)
    return list(await asyncio.gather(*sending))


async def _measure_delay(flow: Deployment, wid: str) -> float:
    event = received(wid, company_id=OTHER, whatsapp_id=OTHER_LINE)
    began = time.monotonic()
    await flow.publish(flow.record(event))
    async with asyncio.timeout(STORED_WITHIN_S):
        while not await flow.sql('SELECT 1 FROM "Messages" WHERE wid = :wid', wid=wid):  # noqa: ASYNC110 - the database has no event to wait for
            await asyncio.sleep(LOOK_S)
    return time.monotonic() - began
