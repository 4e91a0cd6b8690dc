"""Messages in the form of every gateway, with members of the caller."""

from collections.abc import Callable
from typing import Any


def build_number(n: int) -> str:
    return str(5_511_990_000_000 + n)


def build_jid(n: int) -> str:
    return f"{build_number(n)}@s.whatsapp.net"


def build_key(n: int, **more: Any) -> dict[str, Any]:
    return {"remoteJid": build_jid(n), "fromMe": False, "id": f"3EB0{n}", **more}


def build_baileys_event(event: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"event": event, "instance": "loja", "server_url": "", "data": data, **more}


def build_proto_message(message: Any, n: int = 1) -> dict[str, Any]:
    return {
        "key": build_key(n),
        "pushName": "Ana",
        "message": message,
        "messageTimestamp": 1790000000,
    }


def build_baileys_message(message: dict[str, Any]) -> dict[str, Any]:
    return build_baileys_event("messages.upsert", build_proto_message(message))


def build_evolution_go_message(message: dict[str, Any], **info: Any) -> dict[str, Any]:
    info_members = {
        "ID": "3EB01",
        "Chat": build_jid(1),
        "Sender": build_jid(1),
        "Timestamp": 1790000000,
        **info,
    }
    return {"event": "Message", "data": {"Info": info_members, "Message": message}}


def build_gows_message(message: dict[str, Any]) -> dict[str, Any]:
    raw = {"Info": {"ID": "3EB01", "Chat": build_jid(1)}, "Message": message}
    return build_waha_message({"_data": raw})


def build_waha_message(members: dict[str, Any]) -> dict[str, Any]:
    payload = {
        "id": f"false_{build_number(1)}@c.us_3EB01",
        "from": f"{build_number(1)}@c.us",
        "body": "Oi",
    }
    return {"event": "message", "session": "loja", "payload": payload | members, "me": {}}


def build_web_message(members: dict[str, Any], n: int = 1) -> dict[str, Any]:
    message = {
        "id": {"_serialized": f"false_{build_number(n)}@c.us_3EB0{n}"},
        "from": f"{build_number(n)}@c.us",
    }
    return {**message, "type": "chat", "body": "Oi", "timestamp": 1790000000, **members}


def build_web_js_event(members: dict[str, Any]) -> dict[str, Any]:
    return {"event": "message", "data": build_web_message(members)}


def build_wppconnect_event(members: dict[str, Any]) -> dict[str, Any]:
    return {"event": "onmessage", "session": "loja", **build_web_message(members)}


def build_cloud_webhook(value: Any, **entry: Any) -> dict[str, Any]:
    changes = [{"field": "messages", "value": value}]
    return {"object": "whatsapp_business_account", "entry": [{"changes": changes, **entry}]}


def build_cloud_message(n: int, **members: Any) -> dict[str, Any]:
    message = {
        "from": build_number(n),
        "id": f"wamid.{n}",
        "timestamp": "1790000000",
        "type": "text",
    }
    return {**message, "text": {"body": "Oi"}, **members}


def build_cloud_event(members: dict[str, Any]) -> dict[str, Any]:
    return build_cloud_webhook({"messages": [build_cloud_message(1, **members)]})


# One message, with members beside or inside its content.
FORMS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "baileys": ("baileys", build_baileys_message),
    "evolution": ("evolution", build_baileys_message),
    "evolution-go": ("evolution-go", build_evolution_go_message),
    "waha": ("waha", build_waha_message),
    "waha of GOWS": ("waha", build_gows_message),
    "whatsapp-web-js": ("whatsapp-web-js", build_web_js_event),
    "wppconnect": ("wppconnect", build_wppconnect_event),
    "cloud-api": ("cloud-api", build_cloud_event),
}
