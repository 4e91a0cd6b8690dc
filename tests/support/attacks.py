"""Records of one company that once stopped all others, and what the others feel of them."""

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
POISON = "POISON"  # a wid that the database refuses, for a reason that nobody lists
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
    """Records that are made anew for each number, and the reasons of their dead letters.

    `times`: how often in a short test. Parts that become messages or acks are work like any other,
    of which a test machine does not take more beside what it measures.
    """

    name: str
    write: Callable[[Deployment, int], Sequence[Record | bytes]]
    reasons: tuple[str, ...] = ()
    times: int = 3


def posted(gateway: str, payload: JsonValue | bytes) -> Callable[[Deployment, int], list[Record]]:
    """Give what somebody with the token of one line can have published."""
    body = payload.decode() if isinstance(payload, bytes) else json.dumps(payload)
    event = GatewayReceived(
        company_id=ATTACKER, whatsapp_id=LINE, gateway=gateway, received_at=NOON, body=body
    )
    return lambda flow, _: [flow.record(event)]


def _evolution_go(names: Sequence[str]) -> JsonValue:
    info: JsonValue = {"ID": "GO", "Chat": "5511900000009@s.whatsapp.net", "IsFromMe": False}
    return {"event": "Message", "data": {"Info": info, "Message": dict.fromkeys(names, 1)}}


def _waha(names: Sequence[str]) -> JsonValue:
    message: JsonValue = {"Message": dict.fromkeys(names, 1), "Info": {"ID": "WAHA"}}
    payload: JsonValue = {"id": "false_5511900000009@c.us_WAHA", "_data": message}
    return {"event": "message", "engine": "GOWS", "session": "default", "payload": payload}


def _cloud(**value: JsonValue) -> JsonValue:
    about: JsonValue = {"metadata": {"phone_number_id": "1"}, **value}
    return {"entry": [{"changes": [{"field": "messages", "value": about}]}]}


def _people(count: int) -> list[JsonValue]:
    return [{"wa_id": _person(n), "profile": {"name": "x" * 200}} for n in range(count)]


def _person(number: int) -> str:
    return f"5511{number:09}"


def _messages(count: int) -> list[JsonValue]:
    return [
        {"from": _person(PEOPLE - 1), "id": f"wamid.{n}", "timestamp": "1787227200",
         "type": "text", "text": {"body": "Oi"}}
        for n in range(count)
    ]  # fmt: skip


def _statuses(count: int) -> list[JsonValue]:
    return [
        {"id": f"wamid.{n}", "recipient_id": f"5513{n:09}", "status": "sent",
         "timestamp": "1787227200"}
        for n in range(count)
    ]  # fmt: skip


def _unreadable(body: bytes) -> Callable[[Deployment, int], list[Record]]:
    key = f"{ATTACKER}:{LINE}:5511900000009"
    return lambda flow, _: [Record(flow.topic("message.received"), key, body)]


@cache
def _huge(codec: str) -> bytes:
    """Build a batch of one record of 100 MB, which is some hundred kilobytes on the wire."""
    number, compress = CODECS[codec]
    filler = b'"x' + b" " * (2**20 - 3) + b'",'
    body = (b"[", *[filler] * HUGE, b"0]")
    key = f"{ATTACKER}:{LINE}:5511900000009".encode()
    return batch([record(0, key, iter(body), sum(map(len, body)))], 1, number, compress)


def _noise(seed: int, size: int = 9_000) -> str:
    random = Random(seed)
    return "".join(random.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(size))


def _saved(flow: Deployment, number: int) -> list[Record]:
    """Ask for rows with more characters than an index takes."""
    about = {"company_id": ATTACKER, "request_id": f"attack-{number}"}
    contact = {"name": "Maria", "number": f"5514{number:09}", "jid": _noise(number)}
    usage = {"dateUsed": _noise(number + 1)}
    return [
        flow.request(ContactsRecordSave(**about, table="Contacts", rows=(contact,))),
        flow.request(MessagesRecordSave(**about, table="ApiUsages", rows=(usage,))),
    ]


def _poison(flow: Deployment, number: int) -> list[Record]:
    event = received(f"{POISON}{number}", chat="5511900000009", jid="5511900000009@s.whatsapp.net")
    return [flow.record(event)]


LONG_NAME = "A" * 32_000 + "!"
LARGEST_NAMES = [f"{n:04}" + "A" * (LONGEST_MEMBER_NAME - 5) + "!" for n in range(30)]
ATTACKS = (
    Attack("one long name, Evolution Go", posted("evolution-go", _evolution_go([LONG_NAME])),
           ("name-too-long",)),
    Attack("the longest names, Evolution Go", posted("evolution-go", _evolution_go(LARGEST_NAMES))),
    Attack("one long name, WAHA", posted("waha", _waha([LONG_NAME])), ("name-too-long",)),
    Attack("the longest names, WAHA", posted("waha", _waha(LARGEST_NAMES))),
    Attack("a thousand statuses and contacts",
           posted("cloud-api", _cloud(contacts=_people(PEOPLE), statuses=_statuses(PEOPLE))),
           times=1),
    Attack("a thousand messages and contacts",
           posted("cloud-api", _cloud(contacts=_people(PEOPLE), messages=_messages(PEOPLE))),
           times=1),
    Attack("runs of %5D", _unreadable(b"%5D" * 16_000), ("unreadable-body",)),
    Attack("a bottomless body", _unreadable(b"[" * 900_000), ("too-many-members",)),
    Attack("100 MB in a gzip batch", lambda _, __: [_huge("gzip")], ("too-large",)),
    Attack("100 MB in a zstd batch", lambda _, __: [_huge("zstd")], ("too-large",)),
    Attack("9,000 characters in an index", _saved),
    Attack("refused for a reason that nobody lists", _poison, ("poison",)),
)  # fmt: skip


async def prepare(flow: Deployment) -> None:
    """Make the attacker, the other company, and a rule of somebody's own in the database."""
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


async def delays(flow: Deployment, name: str, count: int, pause_s: float) -> list[float]:
    """Send messages of the other company at a steady pace; give how long each took to be stored."""
    sending = []
    for number in range(count):
        sending.append(asyncio.create_task(_delay(flow, f"{name}-{number}")))
        await asyncio.sleep(pause_s)
    return list(await asyncio.gather(*sending))


async def _delay(flow: Deployment, wid: str) -> float:
    event = received(wid, company_id=OTHER, whatsapp_id=OTHER_LINE)
    began = time.monotonic()
    await flow.publish(flow.record(event))
    async with asyncio.timeout(STORED_WITHIN_S):
        while not await flow.sql('SELECT 1 FROM "Messages" WHERE wid = :wid', wid=wid):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(LOOK_S)
    return time.monotonic() - began
