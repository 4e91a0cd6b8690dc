"""What gateways also send: records that nobody can read, and events that are not messages."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue

from shared.contracts.campaign import CampaignSend
from shared.demo.cast import Place
from shared.demo.crowd import Said
from shared.demo.evolution import upsert
from shared.demo.normal import received
from shared.demo.records import (
    Raw,
    Topics,
    evolution_envelope,
    evolution_record,
    own_record,
)

UNREADABLE = "unreadable-body"
EMPTY = "empty-body"
UNKNOWN_LINE = "unknown-connection"
WRONG_TENANT = "tenant-mismatch"
WRONG_VERSION = "unknown-version"
WRONG_SHAPE = "unreadable-payload"
NO_SUCH_LINE = "unknown-line"
NO_SUCH_CAMPAIGN = "unknown-campaign"
NOWHERE = 2**31 - 1  # an id that no row has

Spoil = Callable[[Said, Place, Topics], Raw]


def _with_value(value: bytes | None, dead: str) -> Spoil:
    def spoil(said: Said, place: Place, topics: Topics) -> Raw:
        del place
        return replace(evolution_record(topics, upsert(said)), value=value, dead=dead)

    return spoil


def _cut_short(said: Said, place: Place, topics: Topics) -> Raw:
    del place
    good = evolution_record(topics, upsert(said))
    return replace(good, value=(good.value or b"")[:150], dead=UNREADABLE)


def _unknown_instance(said: Said, place: Place, topics: Topics) -> Raw:
    del place
    stranger = replace(said.line, instance=f"{said.line.instance}-desconhecida")
    good = evolution_record(topics, upsert(replace(said, line=stranger)))
    return replace(good, dead=UNKNOWN_LINE)


def _without_message(said: Said, place: Place, topics: Topics) -> Raw:
    del place
    return replace(evolution_record(topics, upsert(said) | {"data": "?"}), dead=WRONG_SHAPE)


def _own_of_no_line(said: Said, place: Place, topics: Topics) -> Raw:
    nowhere = replace(place, whatsapp_id=NOWHERE)
    good = own_record(topics, received(said, nowhere), f"rubbish/{said.wid}", said.at)
    return replace(good, dead=NO_SUCH_LINE)


def job_of_no_campaign(job: CampaignSend, topics: Topics, now: datetime) -> Raw:
    """Ask for a send of a campaign that does not exist."""
    astray = job.model_copy(update={"campaign_id": NOWHERE})
    return replace(own_record(topics, astray, f"rubbish/{job.number}", now), dead=NO_SUCH_CAMPAIGN)


def _own_without_wid(said: Said, place: Place, topics: Topics) -> Raw:
    good = own_record(topics, received(said, place), f"rubbish/{said.wid}", said.at)
    body = json.loads(good.value or b"{}")
    del body["wid"]
    return replace(good, value=json.dumps(body).encode(), dead=UNREADABLE)


def _own_of_another(said: Said, place: Place, topics: Topics) -> Raw:
    """Claim in the header to be of another company than the body says."""
    good = own_record(topics, received(said, place), f"rubbish/{said.wid}", said.at)
    return replace(_with_header(good, "ce_companyid", str(place.company_id + 1)), dead=WRONG_TENANT)


def _own_from_tomorrow(said: Said, place: Place, topics: Topics) -> Raw:
    good = own_record(topics, received(said, place), f"rubbish/{said.wid}", said.at)
    later = _with_header(good, "ce_type", "chatia.message.received.v9")
    return replace(later, dead=WRONG_VERSION)


def _with_header(record: Raw, name: str, value: str) -> Raw:
    kept = tuple(header for header in record.headers if header[0] != name)
    return replace(record, headers=(*kept, (name, value.encode())))


DEADLY: tuple[Spoil, ...] = (
    _with_value(b"isto nao e JSON", UNREADABLE),
    _with_value(b"\xff\xfe\x00\x80", UNREADABLE),
    _with_value(b'["uma", "lista"]', UNREADABLE),
    _with_value(b'{"event": "messages.upsert", "data": {}}', UNREADABLE),
    _with_value(None, EMPTY),
    _cut_short,
    _unknown_instance,
    _without_message,
    _own_of_no_line,
    _own_without_wid,
    _own_of_another,
    _own_from_tomorrow,
)

Ignore = Callable[[Said, Topics], Raw]


def _status_update(said: Said, topics: Topics) -> Raw:
    envelope = upsert(said)
    content = envelope["data"]
    if isinstance(content, dict):
        content["key"] = {"remoteJid": "status@broadcast", "fromMe": False, "id": said.wid}
    return evolution_record(topics, envelope)


def _upsert_of(message_type: str, member: JsonValue) -> Ignore:
    def ignore(said: Said, topics: Topics) -> Raw:
        envelope = upsert(said)
        content = envelope["data"]
        if isinstance(content, dict):
            content["message"] = {message_type: member}
            content["messageType"] = message_type
        return evolution_record(topics, envelope)

    return ignore


def _other_event(event: str, content: JsonValue) -> Ignore:
    def ignore(said: Said, topics: Topics) -> Raw:
        envelope = evolution_envelope(event, said.line.instance, said.line.number, said.at, content)
        return evolution_record(topics, envelope)

    return ignore


IGNORED: tuple[Ignore, ...] = (
    _status_update,
    _upsert_of("protocolMessage", {"type": "EPHEMERAL_SETTING", "ephemeralExpiration": 86400}),
    _upsert_of("messageOfAnotherYear", {"text": "Qual dia?"}),
    _other_event("contacts.update", []),
    _other_event("call", {"id": "CALL0", "status": "offer"}),
)
