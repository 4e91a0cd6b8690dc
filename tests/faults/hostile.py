"""Records that cost much: too large once unpacked, too deep, slow to read, refused by the database.

Each has to end as one dead letter with its reason, or as nothing where it means nothing; none may
keep its neighbours waiting, and none may be lost or told twice.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import Random

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.json_limits import DEEPEST, LONGEST_MEMBER_NAME, MOST_MEMBERS
from shared.contracts.message import MessageReceived
from shared.demo.cast import Place, Stage
from shared.demo.records import Raw, Topics, evolution_envelope, evolution_record, own_record

SHARE = 0.04  # of a round's gateway events
POISONOUS = "VENENO"  # a name that the database refuses, for a reason that nobody lists
HUGE = 8 * 2**20  # bytes, which are some tens of kilobytes on the wire
MANY = 300
OWNER = "5511900000000"

# Rows are refused as a rule of somebody's own would refuse them, with an SQLSTATE of its own.
PLANT = (
    """
CREATE OR REPLACE FUNCTION refuse_venom() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'this name is not wanted' USING ERRCODE = 'V0001', TABLE = 'Contacts';
END $$
""",
    f"""
CREATE OR REPLACE TRIGGER refuse_venom BEFORE INSERT ON "Contacts" FOR EACH ROW
WHEN (NEW.name = '{POISONOUS}') EXECUTE FUNCTION refuse_venom()
""",
)

Hostile = Callable[["_Source"], Raw]


async def plant(conn: AsyncConnection) -> None:
    """Make the database refuse what is poison here."""
    for statement in PLANT:
        await conn.exec_driver_sql(statement)


class _Source:
    """Gives lines, people and times to records."""

    def __init__(self, random: Random, topics: Topics, stage: Stage, at: datetime) -> None:
        self.random, self.topics, self.at = random, topics, at
        self._places = stage.places
        self._written = 0

    @property
    def place(self) -> Place:
        return self.random.choice([self._places[name] for name in sorted(self._places)])

    def message(self, **members: object) -> Raw:
        """Tell, in our own words, a message of somebody who never wrote before."""
        self._written += 1
        person = f"55119{self.random.randrange(10**8):08}"
        place = self.place
        event = MessageReceived.model_validate(
            {
                "company_id": place.company_id,
                "whatsapp_id": place.whatsapp_id,
                "chat": person,
                "wid": f"HOSTILE{self.random.randrange(16**12):012X}",
                "timestamp": self.at,
                "body": "Oi",
                **members,
            }
        )
        return own_record(self.topics, event, f"hostile/{event.wid}", self.at)

    def evolution(self, instance: str, content: JsonValue) -> Raw:
        """Tell, as Evolution API does, something of a line."""
        envelope = evolution_envelope(
            "messages.upsert", instance, "5511900000000", self.at, content
        )
        return evolution_record(self.topics, envelope)

    @property
    def instance(self) -> str:
        return self.random.choice(sorted(self._places))


def _poison(source: _Source) -> Raw:
    return replace(source.message(push_name=POISONOUS), dead="poison")


def _huge(source: _Source) -> Raw:
    raw = source.message()
    return replace(raw, value=_with_member(raw, "dataJson", "x" * HUGE), dead="too-large")


def _deep(source: _Source) -> Raw:
    raw, levels = source.message(), DEEPEST + source.random.randrange(1, 100_000)
    body = (raw.value or b"{}")[:-1] + b',"more":' + b"[" * levels + b"]" * levels + b"}"
    return replace(raw, value=body, dead="too-deep")


def _crowded(source: _Source) -> Raw:
    raw = source.message()
    return replace(
        raw, value=_with_member(raw, "more", [0] * MOST_MEMBERS), dead="too-many-members"
    )


def _long_name(source: _Source) -> Raw:
    raw, name = source.message(), "A" * (LONGEST_MEMBER_NAME * source.random.randrange(2, 40)) + "!"
    return replace(raw, value=_with_member(raw, name, 1), dead="name-too-long")


def _escapes(source: _Source) -> Raw:
    """Write what is no JSON, and in which a secret is looked for in vain."""
    run = source.random.choice((b"%5D", b"\\", b'"', b'\\"', b"token=", b'"token":'))
    return replace(source.message(), value=run * 16_000, dead="unreadable-body")


def _slow_names(source: _Source) -> Raw:
    """Tell of a kind of message that nobody knows, with names of the largest size."""
    run = "A" * (LONGEST_MEMBER_NAME - 5) + "!"
    names: dict[str, JsonValue] = {f"{number:04}{run}": None for number in range(MANY)}
    content: JsonValue = {
        "key": {"remoteJid": f"{OWNER}@s.whatsapp.net", "fromMe": False, "id": "LENTO"},
        "message": {"messageOfAnotherYear": names},
        "messageType": "messageOfAnotherYear",
        "messageTimestamp": int(source.at.timestamp()),
    }
    return source.evolution(source.instance, content)


def _with_member(raw: Raw, name: str, value: JsonValue) -> bytes:
    return json.dumps(json.loads(raw.value or b"{}") | {name: value}).encode()


KINDS: tuple[Hostile, ...] = (
    _poison, _poison, _huge, _deep, _crowded, _long_name, _escapes, _slow_names,
)  # fmt: skip


def write(random: Random, topics: Topics, stage: Stage, now: datetime, events: int) -> list[Raw]:
    """Write a round's share of them."""
    source = _Source(random, topics, stage, now)
    return [random.choice(KINDS)(source) for _ in range(round(events * SHARE))]
