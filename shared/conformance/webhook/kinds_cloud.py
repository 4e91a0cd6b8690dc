"""Valid payloads of the WhatsApp Cloud API, by kind."""

from pydantic import JsonValue

from shared.conformance.webhook.kind import NUMBER, TIME, Kinds, Payload


def _build_change(value: Payload, field: str = "messages") -> Payload:
    changes: list[JsonValue] = [{"field": field, "value": value}]
    entries: list[JsonValue] = [{"id": "200000000000001", "changes": changes}]
    return {"object": "whatsapp_business_account", "entry": entries}


def _build_value(**members: JsonValue) -> Payload:
    return {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": "551130000001",
            "phone_number_id": "100000000000001",
        },
        **members,
    }


def _build_message(wid: str, kind: str, content: JsonValue, **more: JsonValue) -> Payload:
    message: Payload = {
        "from": NUMBER,
        "id": f"wamid.{wid}",
        "timestamp": str(TIME),
        "type": kind,
        kind: content,
        **more,
    }
    contacts: list[JsonValue] = [{"profile": {"name": "Ana"}, "wa_id": NUMBER}]
    return _build_change(_build_value(contacts=contacts, messages=[message]))


def _build_status(wid: str, status: str, **more: JsonValue) -> Payload:
    return {
        "id": f"wamid.{wid}",
        "status": status,
        "timestamp": str(TIME),
        "recipient_id": NUMBER,
        **more,
    }


def _build_statuses(*statuses: JsonValue) -> Payload:
    return _build_change(_build_value(statuses=list(statuses)))


def _build_failure(wid: str) -> Payload:
    errors: list[JsonValue] = [{"code": 131_026, "title": "Message undeliverable"}]
    return _build_statuses(_build_status(wid, "failed", errors=errors))


def _build_echo(wid: str) -> Payload:
    echo: Payload = {
        "from": "551130000001",
        "to": NUMBER,
        "id": f"wamid.{wid}",
        "timestamp": str(TIME),
        "type": "text",
        "text": {"body": "Oi"},
    }
    return _build_change(_build_value(message_echoes=[echo]), "smb_message_echoes")


def build_cloud_batch(wid: str, count: int) -> Payload:
    """Build one post with `count` statuses; Meta puts up to 1,000 updates into one."""
    return _build_statuses(*(_build_status(f"{wid}N{n}", "delivered") for n in range(count)))


CLOUD_API: Kinds = {
    "text": lambda wid: _build_message(wid, "text", {"body": "Oi"}),
    "image": lambda wid: _build_message(
        wid, "image", {"id": "4711", "mime_type": "image/jpeg", "caption": "A foto"}
    ),
    "quoted": lambda wid: _build_message(
        wid, "text", {"body": "Sim"}, context={"from": NUMBER, "id": f"wamid.{wid}Q"}
    ),
    "location": lambda wid: _build_message(
        wid, "location", {"latitude": -23.5, "longitude": -46.6, "name": "Loja"}
    ),
    "button": lambda wid: _build_message(
        wid,
        "interactive",
        {"type": "button_reply", "button_reply": {"id": "sim", "title": "Sim"}},
    ),
    "own": _build_echo,
    "reaction": lambda wid: _build_message(
        wid, "reaction", {"message_id": f"wamid.{wid}T", "emoji": "👍"}
    ),
    "edit": lambda wid: _build_message(
        wid,
        "edit",
        {
            "original_message_id": f"wamid.{wid}T",
            "message": {"type": "text", "text": {"body": "Oi, tudo bem?"}},
        },
    ),
    "delete": lambda wid: _build_message(wid, "revoke", {"original_message_id": f"wamid.{wid}T"}),
    "ack": lambda wid: _build_statuses(_build_status(wid, "read")),
    "failure": _build_failure,
    "template": lambda wid: _build_change(
        {"event": "APPROVED", "message_template_id": 1, "requestId": wid},
        "message_template_status_update",
    ),
    "unsupported": lambda wid: _build_message(
        wid, "unsupported", None, errors=[{"code": 131_051, "title": "Unsupported"}]
    ),
    "unknown": lambda wid: _build_change({"requestId": wid}, "later_field"),
}
