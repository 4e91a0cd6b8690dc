"""Builds records that must become dead letters, and events that are ignored."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue

from shared.contracts.campaign import CampaignSend
from shared.dev.demo.companies import LineIds
from shared.dev.demo.conversations import SampleMessage
from shared.dev.demo.evolution_payloads import build_upsert
from shared.dev.demo.normalized_events import build_message_received
from shared.dev.demo.records import (
    SampleRecord,
    Topics,
    build_evolution_envelope,
    build_evolution_record,
    build_own_record,
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

BuildInvalid = Callable[[SampleMessage, LineIds, Topics], SampleRecord]


def _replace_value(value: bytes | None, reason: str) -> BuildInvalid:
    def build_invalid(message: SampleMessage, line_ids: LineIds, topics: Topics) -> SampleRecord:
        del line_ids
        return replace(
            build_evolution_record(topics, build_upsert(message)), value=value, dead_reason=reason
        )

    return build_invalid


def _build_truncated(message: SampleMessage, line_ids: LineIds, topics: Topics) -> SampleRecord:
    del line_ids
    valid = build_evolution_record(topics, build_upsert(message))
    return replace(valid, value=(valid.value or b"")[:150], dead_reason=UNREADABLE)


def _build_unknown_instance(
    message: SampleMessage, line_ids: LineIds, topics: Topics
) -> SampleRecord:
    del line_ids
    unknown_line = replace(message.line, instance=f"{message.line.instance}-desconhecida")
    valid = build_evolution_record(topics, build_upsert(replace(message, line=unknown_line)))
    return replace(valid, dead_reason=UNKNOWN_LINE)


def _build_without_message(
    message: SampleMessage, line_ids: LineIds, topics: Topics
) -> SampleRecord:
    del line_ids
    return replace(
        build_evolution_record(topics, build_upsert(message) | {"data": "?"}),
        dead_reason=WRONG_SHAPE,
    )


def _build_own_of_unknown_line(
    message: SampleMessage, line_ids: LineIds, topics: Topics
) -> SampleRecord:
    nowhere = replace(line_ids, whatsapp_id=NOWHERE)
    valid = build_own_record(
        topics, build_message_received(message, nowhere), f"invalid/{message.wid}", message.at
    )
    return replace(valid, dead_reason=NO_SUCH_LINE)


def build_job_without_campaign(job: CampaignSend, topics: Topics, now: datetime) -> SampleRecord:
    """Build a send job of a campaign that does not exist."""
    unknown = job.model_copy(update={"campaign_id": NOWHERE})
    return replace(
        build_own_record(topics, unknown, f"invalid/{job.number}", now),
        dead_reason=NO_SUCH_CAMPAIGN,
    )


def _build_own_without_wid(
    message: SampleMessage, line_ids: LineIds, topics: Topics
) -> SampleRecord:
    valid = build_own_record(
        topics, build_message_received(message, line_ids), f"invalid/{message.wid}", message.at
    )
    body = json.loads(valid.value or b"{}")
    del body["wid"]
    return replace(valid, value=json.dumps(body).encode(), dead_reason=UNREADABLE)


def _build_own_of_other_company(
    message: SampleMessage, line_ids: LineIds, topics: Topics
) -> SampleRecord:
    """Build an event whose header names another company than its body."""
    valid = build_own_record(
        topics, build_message_received(message, line_ids), f"invalid/{message.wid}", message.at
    )
    return replace(
        _replace_header(valid, "ce_companyid", str(line_ids.company_id + 1)),
        dead_reason=WRONG_TENANT,
    )


def _build_own_of_unknown_version(
    message: SampleMessage, line_ids: LineIds, topics: Topics
) -> SampleRecord:
    valid = build_own_record(
        topics, build_message_received(message, line_ids), f"invalid/{message.wid}", message.at
    )
    newer = _replace_header(valid, "ce_type", "chatia.message.received.v9")
    return replace(newer, dead_reason=WRONG_VERSION)


def _replace_header(record: SampleRecord, name: str, value: str) -> SampleRecord:
    kept = tuple(header for header in record.headers if header[0] != name)
    return replace(record, headers=(*kept, (name, value.encode())))


INVALID: tuple[BuildInvalid, ...] = (
    _replace_value(b"isto nao e JSON", UNREADABLE),
    _replace_value(b"\xff\xfe\x00\x80", UNREADABLE),
    _replace_value(b'["uma", "lista"]', UNREADABLE),
    _replace_value(b'{"event": "messages.upsert", "data": {}}', UNREADABLE),
    _replace_value(None, EMPTY),
    _build_truncated,
    _build_unknown_instance,
    _build_without_message,
    _build_own_of_unknown_line,
    _build_own_without_wid,
    _build_own_of_other_company,
    _build_own_of_unknown_version,
)

BuildIgnored = Callable[[SampleMessage, Topics], SampleRecord]


def _build_status_update(message: SampleMessage, topics: Topics) -> SampleRecord:
    envelope = build_upsert(message)
    content = envelope["data"]
    if isinstance(content, dict):
        content["key"] = {"remoteJid": "status@broadcast", "fromMe": False, "id": message.wid}
    return build_evolution_record(topics, envelope)


def _build_upsert_of_type(message_type: str, member: JsonValue) -> BuildIgnored:
    def build_ignored(message: SampleMessage, topics: Topics) -> SampleRecord:
        envelope = build_upsert(message)
        content = envelope["data"]
        if isinstance(content, dict):
            content["message"] = {message_type: member}
            content["messageType"] = message_type
        return build_evolution_record(topics, envelope)

    return build_ignored


def _build_other_event(event: str, content: JsonValue) -> BuildIgnored:
    def build_ignored(message: SampleMessage, topics: Topics) -> SampleRecord:
        envelope = build_evolution_envelope(
            event, message.line.instance, message.line.number, message.at, content
        )
        return build_evolution_record(topics, envelope)

    return build_ignored


IGNORED: tuple[BuildIgnored, ...] = (
    _build_status_update,
    _build_upsert_of_type(
        "protocolMessage", {"type": "EPHEMERAL_SETTING", "ephemeralExpiration": 86400}
    ),
    _build_upsert_of_type("pinInChatMessage", {"type": "PIN_FOR_ALL"}),
    _build_other_event("contacts.update", []),
    _build_other_event("call", {"id": "CALL0", "status": "offer"}),
)
