"""Valid payloads of WAHA, of whatsapp-web.js bridges and of WPPConnect, by kind."""

from pydantic import JsonValue

from shared.conformance.webhook.kind import GROUP, OWN_WEB_JID, TIME, WEB_JID, Kinds, Payload


def _build_id(wid: str, *, own: bool = False, chat: str = WEB_JID) -> str:
    return f"{str(own).lower()}_{chat}_{wid}"


def _post_from_waha(wid: str, event: str, payload: JsonValue) -> Payload:
    return {
        "id": f"evt_{wid}",
        "timestamp": TIME * 1000,
        "event": event,
        "session": "loja",
        "payload": payload,
        "engine": "NOWEB",
    }


def _build_waha_members(wid: str, **more: JsonValue) -> Payload:
    members: Payload = {
        "id": _build_id(wid),
        "timestamp": TIME,
        "from": WEB_JID,
        "to": OWN_WEB_JID,
        "fromMe": False,
        "body": "Oi",
        "hasMedia": False,
    }
    return members | more


def _build_waha_message(wid: str, **more: JsonValue) -> Payload:
    return _post_from_waha(wid, "message", _build_waha_members(wid, **more))


def _build_waha_own_message(wid: str) -> Payload:
    own: Payload = {"id": _build_id(wid, own=True), "from": OWN_WEB_JID, "to": WEB_JID}
    members = _build_waha_members(wid, **own, fromMe=True)
    return _post_from_waha(wid, "message.any", members)


def _build_waha_group_message(wid: str) -> Payload:
    members: Payload = {"id": _build_id(wid, chat=GROUP), "from": GROUP, "participant": WEB_JID}
    return _build_waha_message(wid, **members)


def _build_waha_image(wid: str) -> Payload:
    media: Payload = {"url": "https://waha.example.com/a.jpeg", "mimetype": "image/jpeg"}
    return _build_waha_message(wid, hasMedia=True, media=media, body="A foto")


def _build_waha_ack(wid: str) -> Payload:
    ack: Payload = {"id": _build_id(wid, own=True), "from": WEB_JID, "fromMe": True}
    return _post_from_waha(wid, "message.ack", {**ack, "ack": 3, "ackName": "READ"})


def _build_waha_reaction(wid: str) -> Payload:
    reaction: Payload = {"text": "👍", "messageId": _build_id(f"{wid}T", own=True)}
    return _post_from_waha(wid, "message.reaction", _build_waha_members(wid, reaction=reaction))


def _build_waha_edit(wid: str) -> Payload:
    members = _build_waha_members(wid, editedMessageId=f"{wid}T", body="Oi, tudo bem?")
    return _post_from_waha(wid, "message.edited", members)


def _build_waha_revoke(wid: str) -> Payload:
    after = _build_waha_members(wid, body="")
    revoke: Payload = {"after": after, "before": None, "revokedMessageId": f"{wid}T"}
    return _post_from_waha(wid, "message.revoked", revoke)


WAHA: Kinds = {
    "text": _build_waha_message,
    "image": _build_waha_image,
    "quoted": lambda wid: _build_waha_message(wid, replyTo={"id": f"{wid}Q", "body": "Oi?"}),
    "location": lambda wid: _build_waha_message(
        wid, location={"latitude": "-23.5", "longitude": "-46.6", "description": "Loja"}
    ),
    "group": _build_waha_group_message,
    "own": _build_waha_own_message,
    "reaction": _build_waha_reaction,
    "edit": _build_waha_edit,
    "delete": _build_waha_revoke,
    "ack": _build_waha_ack,
    "connection": lambda wid: _post_from_waha(
        wid, "session.status", {"name": "loja", "status": "WORKING"}
    ),
    "call": lambda wid: _post_from_waha(
        wid, "call.rejected", {"id": wid, "from": WEB_JID, "timestamp": TIME}
    ),
    "presence": lambda wid: _post_from_waha(
        wid, "presence.update", {"id": WEB_JID, "presences": []}
    ),
    "unknown": lambda wid: _post_from_waha(wid, "later.event", {"id": wid}),
}


def _build_web_message(wid: str, **more: JsonValue) -> Payload:
    message: Payload = {
        "id": _build_id(wid),
        "type": "chat",
        "body": "Oi",
        "from": WEB_JID,
        "to": OWN_WEB_JID,
        "fromMe": False,
    }
    return message | more


def _build_own_members(wid: str) -> Payload:
    return {"id": _build_id(wid, own=True), "from": OWN_WEB_JID, "to": WEB_JID, "fromMe": True}


def _build_group_members(wid: str) -> Payload:
    return {"id": f"{_build_id(wid, chat=GROUP)}_{WEB_JID}", "from": GROUP, "author": WEB_JID}


def _post_to_web_bridge(event: str, data: JsonValue) -> Payload:
    return {"event": event, "data": data}


def _build_bridge_message(wid: str, **more: JsonValue) -> Payload:
    return _build_bridge_event("message", wid, more)


def _build_bridge_event(event: str, wid: str, more: Payload) -> Payload:
    message = _build_web_message(wid, **{"timestamp": TIME, **more})
    return _post_to_web_bridge(event, {"message": message})


def _build_bridge_reaction(wid: str) -> Payload:
    reaction: Payload = {
        "id": _build_id(wid),
        "msgId": _build_id(f"{wid}T", own=True),
        "reaction": "👍",
        "senderId": WEB_JID,
        "timestamp": TIME,
    }
    return _post_to_web_bridge("message_reaction", {"reaction": reaction})


def _build_bridge_ack(wid: str) -> Payload:
    message: Payload = {"type": "chat", "body": "Oi", **_build_own_members(wid)}
    return _post_to_web_bridge("message_ack", {"message": message, "ack": 3})


def _build_bridge_edit(wid: str) -> Payload:
    message = _build_web_message(wid, timestamp=TIME)
    return _post_to_web_bridge("message_edit", {"message": message, "newBody": "Oi, tudo bem?"})


WHATSAPP_WEB_JS: Kinds = {
    "text": _build_bridge_message,
    "image": lambda wid: _build_bridge_message(wid, type="image", body="A foto", hasMedia=True),
    "quoted": lambda wid: _build_bridge_message(wid, hasQuotedMsg=True),
    "location": lambda wid: _build_bridge_message(
        wid, type="location", location={"latitude": "-23.5", "longitude": "-46.6"}
    ),
    "group": lambda wid: _build_bridge_message(wid, **_build_group_members(wid)),
    "own": lambda wid: _build_bridge_event("message_create", wid, _build_own_members(wid)),
    "reaction": _build_bridge_reaction,
    "edit": _build_bridge_edit,
    "delete": lambda wid: _build_bridge_event("message_revoke_everyone", wid, {"type": "revoked"}),
    "ack": _build_bridge_ack,
    "connection": lambda wid: _post_to_web_bridge(
        "change_state", {"state": "CONNECTED", "requestId": wid}
    ),
    "call": lambda wid: _post_to_web_bridge("call", {"call": {"id": wid, "from": WEB_JID}}),
    "presence": lambda wid: _post_to_web_bridge("group_update", {"requestId": wid}),
    "unknown": lambda wid: _post_to_web_bridge("later_event", {"requestId": wid}),
}


def build_bridge_batch(wid: str, count: int) -> Payload:
    """Build one post with `count` messages."""
    messages: list[JsonValue] = [
        _build_web_message(f"{wid}N{n}", timestamp=TIME) for n in range(count)
    ]
    return _post_to_web_bridge("message", {"messages": messages})


def _post_from_wppconnect(event: str, members: Payload) -> Payload:
    return {"event": event, "session": "loja", **members}


def _build_wppconnect_message(wid: str, **more: JsonValue) -> Payload:
    return _build_wppconnect_event("onmessage", wid, more)


def _build_wppconnect_event(event: str, wid: str, more: Payload) -> Payload:
    members: Payload = {"t": TIME, "chatId": WEB_JID, **more}
    return _post_from_wppconnect(event, _build_web_message(wid, **members))


def _build_wppconnect_reaction(wid: str) -> Payload:
    reaction: Payload = {
        "id": _build_id(wid),
        "msgId": _build_id(f"{wid}T", own=True),
        "reactionText": "👍",
        "sender": WEB_JID,
        "timestamp": TIME,
    }
    return _post_from_wppconnect("onreactionmessage", reaction)


def _build_wppconnect_call(wid: str) -> Payload:
    call: Payload = {"id": wid, "peerJid": WEB_JID, "offerTime": TIME}
    return _post_from_wppconnect("incomingcall", {**call, "offerReceivedWhileOffline": True})


WPPCONNECT: Kinds = {
    "text": _build_wppconnect_message,
    "image": lambda wid: _build_wppconnect_message(wid, type="image", caption="A foto", body=""),
    "quoted": lambda wid: _build_wppconnect_message(wid, quotedMsgId=_build_id(f"{wid}Q")),
    "location": lambda wid: _build_wppconnect_message(wid, type="location", lat=-23.5, lng=-46.6),
    "group": lambda wid: _build_wppconnect_message(
        wid, **(_build_group_members(wid) | {"chatId": GROUP, "isGroupMsg": True})
    ),
    "own": lambda wid: _build_wppconnect_event("onselfmessage", wid, _build_own_members(wid)),
    "reaction": _build_wppconnect_reaction,
    "edit": lambda wid: _build_wppconnect_event("onmessageedit", wid, {"latestEditMsgKey": None}),
    "delete": lambda wid: _post_from_wppconnect(
        "onrevokedmessage", {"id": _build_id(wid), "from": WEB_JID, "refId": _build_id(f"{wid}T")}
    ),
    "ack": lambda wid: _post_from_wppconnect(
        "onack", {"type": "chat", **_build_own_members(wid), "ack": 3}
    ),
    "connection": lambda wid: _post_from_wppconnect(
        "status-find", {"status": "inChat", "requestId": wid}
    ),
    "call": _build_wppconnect_call,
    "presence": lambda wid: _post_from_wppconnect("onpresencechanged", {"requestId": wid}),
    "unknown": lambda wid: _post_from_wppconnect("later-event", {"requestId": wid}),
}
