"""Valid payloads in Baileys' and whatsmeow's form, for Baileys bridges, Evolution and Evolution Go.

Each entry of a table builds the payload of one kind with a given message id.
"""

from functools import partial

from pydantic import JsonValue

from shared.conformance.webhook.kind import GROUP, JID, TIME, Kinds, Payload


def _build_key(wid: str, **more: JsonValue) -> Payload:
    return {"remoteJid": JID, "fromMe": False, "id": wid, **more}


def _build_message(wid: str, message: JsonValue, **key: JsonValue) -> Payload:
    return {
        "key": _build_key(wid, **key),
        "pushName": "Ana",
        "message": message,
        "messageTimestamp": TIME,
    }


def _build_protocol_message(wid: str, kind: str, **more: JsonValue) -> Payload:
    changed: Payload = {"type": kind, "key": _build_key(f"{wid}T"), **more}
    return _build_message(wid, {"protocolMessage": changed})


def _build_contents(wid: str) -> dict[str, Payload]:
    """Return messages of `messages.upsert` by kind; both gateways post them."""
    own = {"fromMe": True}
    group = {"remoteJid": GROUP, "participant": JID}
    location: Payload = {"degreesLatitude": -23.5, "degreesLongitude": -46.6, "name": "Loja"}
    reaction: Payload = {"key": _build_key(f"{wid}T"), "text": "👍"}
    edited: Payload = {"editedMessage": {"conversation": "Oi, tudo bem?"}}
    quoted: Payload = {"text": "Sim", "contextInfo": {"stanzaId": f"{wid}Q", "participant": JID}}
    image: Payload = {"mimetype": "image/jpeg", "caption": "A foto", "fileLength": "4711"}
    return {
        "text": _build_message(wid, {"conversation": "Oi"}),
        "image": _build_message(wid, {"imageMessage": image}),
        "quoted": _build_message(wid, {"extendedTextMessage": quoted}),
        "location": _build_message(wid, {"locationMessage": location}),
        "group": _build_message(wid, {"conversation": "Oi"}, **group),
        "own": _build_message(wid, {"conversation": "Oi"}, **own),
        "reaction": _build_message(wid, {"reactionMessage": reaction}),
        "edit": _build_protocol_message(wid, "MESSAGE_EDIT", **edited),
        "delete": _build_protocol_message(wid, "REVOKE"),
    }


CONTENTS = tuple(_build_contents(""))


def _post_to_bridge(event: str, data: JsonValue) -> Payload:
    return {"event": event, "data": data}


def _build_bridge_upsert(kind: str, wid: str) -> Payload:
    messages: list[JsonValue] = [_build_contents(wid)[kind]]
    return _post_to_bridge("messages.upsert", {"type": "notify", "messages": messages})


def _build_bridge_status(wid: str) -> Payload:
    key = _build_key(wid, fromMe=True)
    return {"key": key, "update": {"status": 3, "messageTimestamp": TIME}}


def _build_call(wid: str) -> Payload:
    return {"id": wid, "from": JID, "chatId": JID, "status": "timeout", "date": TIME}


def build_bridge_batch(wid: str, count: int) -> Payload:
    """Build one post with `count` statuses."""
    return _post_to_bridge(
        "messages.update", [_build_bridge_status(f"{wid}N{n}") for n in range(count)]
    )


BAILEYS: Kinds = {
    **{kind: partial(_build_bridge_upsert, kind) for kind in CONTENTS},
    "ack": lambda wid: _post_to_bridge("messages.update", [_build_bridge_status(wid)]),
    "connection": lambda wid: _post_to_bridge(
        "connection.update", {"connection": "open", "requestId": wid}
    ),
    "call": lambda wid: _post_to_bridge("call", [_build_call(wid)]),
    "presence": lambda wid: _post_to_bridge("presence.update", {"id": JID, "requestId": wid}),
    "unknown": lambda wid: _post_to_bridge("later.event", {"id": wid}),
}


def _post_from_evolution(event: str, data: JsonValue) -> Payload:
    return {
        "event": event,
        "instance": "loja",
        "data": data,
        "date_time": "2025-10-09T08:53:20.000Z",
        "server_url": "https://evolution.example.com",
    }


def _build_evolution_upsert(kind: str, wid: str) -> Payload:
    return _post_from_evolution("messages.upsert", _build_contents(wid)[kind])


def _build_evolution_status(wid: str) -> Payload:
    return {"keyId": wid, "remoteJid": JID, "fromMe": True, "status": "DELIVERY_ACK"}


def build_evolution_batch(wid: str, count: int) -> Payload:
    """Build one post with `count` statuses."""
    return _post_from_evolution(
        "messages.update", [_build_evolution_status(f"{wid}N{n}") for n in range(count)]
    )


EVOLUTION: Kinds = {
    **{kind: partial(_build_evolution_upsert, kind) for kind in CONTENTS},
    "ack": lambda wid: _post_from_evolution("messages.update", _build_evolution_status(wid)),
    "connection": lambda wid: _post_from_evolution(
        "connection.update", {"state": "open", "statusReason": 200, "requestId": wid}
    ),
    "call": lambda wid: _post_from_evolution("call", _build_call(wid)),
    "presence": lambda wid: _post_from_evolution("presence.update", {"id": JID, "requestId": wid}),
    "unknown": lambda wid: _post_from_evolution("later.event", {"id": wid}),
}


def _build_source(**more: JsonValue) -> Payload:
    return {"Chat": JID, "Sender": JID, "IsFromMe": False, "IsGroup": False, **more}


def _post_from_evolution_go(event: str, data: JsonValue) -> Payload:
    return {"event": event, "instanceName": "loja", "data": data}


def _build_go_message(wid: str, message: JsonValue, **info: JsonValue) -> Payload:
    source = _build_source(ID=wid, PushName="Ana", Timestamp="2025-10-09T05:53:20-03:00")
    return _post_from_evolution_go("Message", {"Info": {**source, **info}, "Message": message})


def _build_go_change(wid: str, kind: int, **more: JsonValue) -> Payload:
    key: Payload = {"remoteJID": JID, "fromMe": False, "ID": f"{wid}T"}
    changed: Payload = {"type": kind, "key": key, **more}
    return _build_go_message(wid, {"protocolMessage": changed})


def _build_go_reaction(wid: str) -> Payload:
    key: Payload = {"remoteJID": JID, "fromMe": False, "ID": f"{wid}T"}
    return _build_go_message(wid, {"reactionMessage": {"key": key, "text": "👍"}})


def _build_go_receipt(wids: list[JsonValue]) -> Payload:
    receipt = _build_source(MessageIDs=wids, Type="read", Timestamp="2025-10-09T05:53:20-03:00")
    return _post_from_evolution_go("Receipt", receipt)


def build_go_batch(wid: str, count: int) -> Payload:
    """Build one receipt for `count` messages."""
    return _build_go_receipt([f"{wid}N{n}" for n in range(count)])


EVOLUTION_GO: Kinds = {
    "text": lambda wid: _build_go_message(wid, {"conversation": "Oi"}),
    "image": lambda wid: _build_go_message(
        wid, {"imageMessage": {"mimetype": "image/jpeg", "caption": "A foto"}}
    ),
    "quoted": lambda wid: _build_go_message(
        wid, {"extendedTextMessage": {"text": "Sim", "contextInfo": {"stanzaID": f"{wid}Q"}}}
    ),
    "location": lambda wid: _build_go_message(
        wid, {"locationMessage": {"degreesLatitude": -23.5, "degreesLongitude": -46.6}}
    ),
    "group": lambda wid: _build_go_message(wid, {"conversation": "Oi"}, Chat=GROUP, IsGroup=True),
    "own": lambda wid: _build_go_message(wid, {"conversation": "Oi"}, IsFromMe=True),
    "reaction": _build_go_reaction,
    "edit": lambda wid: _build_go_change(wid, 14, editedMessage={"conversation": "Oi, tudo bem?"}),
    "delete": lambda wid: _build_go_change(wid, 0),
    "ack": lambda wid: _build_go_receipt([wid]),
    "connection": lambda wid: _post_from_evolution_go("Connected", {"requestId": wid}),
    "call": lambda wid: _post_from_evolution_go(
        "CallTerminate",
        {"CallID": wid, "From": JID, "CallCreator": JID, "Timestamp": "2025-10-09T08:53:20Z"},
    ),
    "presence": lambda wid: _post_from_evolution_go("Presence", {"From": JID, "requestId": wid}),
    "unknown": lambda wid: _post_from_evolution_go("LaterEvent", {"id": wid}),
}
