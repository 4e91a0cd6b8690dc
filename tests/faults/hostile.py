"""Records that cost much: too large once unpacked, too deep, slow to read, refused by the database.

Each must end as one dead letter with its reason, or without effect if it has no meaning; none may
delay the records beside it, and none may be lost or handled twice.
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
from shared.dev.demo.companies import DemoRows, LineIds
from shared.dev.demo.records import (
    SampleRecord,
    Topics,
    build_evolution_envelope,
    build_evolution_record,
    build_own_record,
)

SHARE = 0.04  # of a round's gateway events
POISON_NAME = "VENENO"  # a name that the database refuses with an SQLSTATE of its own
HUGE = 8 * 2**20  # bytes; some tens of kilobytes once compressed
MANY = 300
OWNER = "5511900000000"

# The SQLSTATE is unknown to the workers, as one of a customer's own trigger would be.
TRIGGER = (
    """
CREATE OR REPLACE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'this name is not wanted' USING ERRCODE = 'V0001', TABLE = 'Contacts';
END $$
""",
    f"""
CREATE OR REPLACE TRIGGER refuse_poison BEFORE INSERT ON "Contacts" FOR EACH ROW
WHEN (NEW.name = '{POISON_NAME}') EXECUTE FUNCTION refuse_poison()
""",
)

RecordBuilder = Callable[["_Source"], SampleRecord]


async def install_trigger(conn: AsyncConnection) -> None:
    """Create the trigger that refuses contacts with the poison name."""
    for statement in TRIGGER:
        await conn.exec_driver_sql(statement)


class _Source:
    """Random lines, senders and times for records."""

    def __init__(self, random: Random, topics: Topics, stage: DemoRows, at: datetime) -> None:
        self.random, self.topics, self.at = random, topics, at
        self._places = stage.lines
        self._written = 0

    @property
    def place(self) -> LineIds:
        return self.random.choice([self._places[name] for name in sorted(self._places)])

    def build_message(self, **members: object) -> SampleRecord:
        """Build a `message.received` of a sender who has not written before."""
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
        return build_own_record(self.topics, event, f"hostile/{event.wid}", self.at)

    def build_evolution_record(self, instance: str, content: JsonValue) -> SampleRecord:
        """Build a record of Evolution API about a line."""
        envelope = build_evolution_envelope(
            "messages.upsert", instance, "5511900000000", self.at, content
        )
        return build_evolution_record(self.topics, envelope)

    @property
    def instance(self) -> str:
        return self.random.choice(sorted(self._places))


def _build_poison(source: _Source) -> SampleRecord:
    return replace(source.build_message(push_name=POISON_NAME), dead_reason="poison")


def _build_huge(source: _Source) -> SampleRecord:
    raw = source.build_message()
    return replace(raw, value=_add_member(raw, "dataJson", "x" * HUGE), dead_reason="too-large")


def _build_deep(source: _Source) -> SampleRecord:
    raw, levels = source.build_message(), DEEPEST + source.random.randrange(1, 100_000)
    body = (raw.value or b"{}")[:-1] + b',"more":' + b"[" * levels + b"]" * levels + b"}"
    return replace(raw, value=body, dead_reason="too-deep")


def _build_too_many_members(source: _Source) -> SampleRecord:
    raw = source.build_message()
    return replace(
        raw, value=_add_member(raw, "more", [0] * MOST_MEMBERS), dead_reason="too-many-members"
    )


def _build_long_name(source: _Source) -> SampleRecord:
    raw, name = (
        source.build_message(),
        "A" * (LONGEST_MEMBER_NAME * source.random.randrange(2, 40)) + "!",
    )
    return replace(raw, value=_add_member(raw, name, 1), dead_reason="name-too-long")


def _build_escapes(source: _Source) -> SampleRecord:
    """Build a body that is no JSON and is slow to search for secrets."""
    run = source.random.choice((b"%5D", b"\\", b'"', b'\\"', b"token=", b'"token":'))
    return replace(source.build_message(), value=run * 16_000, dead_reason="unreadable-body")


def _build_slow_names(source: _Source) -> SampleRecord:
    """Build a message of an ignored kind whose members have the longest names allowed."""
    run = "A" * (LONGEST_MEMBER_NAME - 5) + "!"
    names: dict[str, JsonValue] = {f"{number:04}{run}": None for number in range(MANY)}
    content: JsonValue = {
        "key": {"remoteJid": f"{OWNER}@s.whatsapp.net", "fromMe": False, "id": "LENTO"},
        "message": {"pinInChatMessage": names},
        "messageType": "pinInChatMessage",
        "messageTimestamp": int(source.at.timestamp()),
    }
    return source.build_evolution_record(source.instance, content)


def _add_member(raw: SampleRecord, name: str, value: JsonValue) -> bytes:
    return json.dumps(json.loads(raw.value or b"{}") | {name: value}).encode()


BUILDERS: tuple[RecordBuilder, ...] = (
    _build_poison, _build_poison, _build_huge, _build_deep, _build_too_many_members,
    _build_long_name, _build_escapes, _build_slow_names,
)  # fmt: skip


def write(
    random: Random, topics: Topics, stage: DemoRows, now: datetime, events: int
) -> list[SampleRecord]:
    """Build a round's share of such records."""
    source = _Source(random, topics, stage, now)
    return [random.choice(BUILDERS)(source) for _ in range(round(events * SHARE))]
