"""Messages of Evolution's own channel (integration `EVOLUTION`) in the form of Baileys.

Their `messageType` names the content, whose members are in `message` itself.
"""

from pydantic import JsonValue

from shared.gateways.normalize.json_values import (
    JsonObject,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.proto_message.visible_content import VISIBLE_KINDS

_FILES = frozenset(
    f"{kind}Message" for kind in ("image", "video", "ptv", "audio", "document", "sticker")
)
_TEXTS = frozenset({"", "conversation", "text", "textMessage"})
_BUTTONS = frozenset({"buttonMessage", "buttonsMessage"})
_BESIDE_CONTENTS = frozenset({"mediaUrl", "base64", "quoted"})


def wrap_content(message: JsonValue) -> JsonValue:
    """Return a message with its content in the member that its type names, as Baileys has it."""
    if not isinstance(message, dict):
        return message
    content = read_object(message, "message")
    named = _name_content(read_text(message, "messageType"), content)
    quoted = read_text(read_object(content, "quoted"), "id")
    if not named and not quoted:
        return message
    context = read_object(message, "contextInfo")
    return {
        **message,
        "message": named or content,
        "contextInfo": {**context, "stanzaId": quoted} if quoted else context,
    }


def _name_content(kind: str, content: JsonObject) -> JsonObject:
    """Return the content in the member `kind`; {} if a member of `content` has a content."""
    if any("Message" in name or name == "conversation" for name in content):
        return {}
    if kind in _TEXTS and (text := read_text(content, "text", "body", "content")):
        return {"conversation": text, "contextInfo": content.get("contextInfo")}
    if kind in _BUTTONS:
        return {"buttonsMessage": _respell_buttons(content)}
    is_known = "mediaUrl" in content if kind in _FILES else kind in VISIBLE_KINDS
    if not is_known:
        return {}
    members = {name: value for name, value in content.items() if name not in _BESIDE_CONTENTS}
    if kind in _LOCATIONS:
        members = _respell_location(members)
    return {kind: members, "mediaUrl": content.get("mediaUrl")}


def _respell_buttons(content: JsonObject) -> JsonObject:
    buttons = list(read_objects(content.get("buttons")))
    labels = [read_text({**read_object(b, "buttonText"), **b}, "displayText") for b in buttons]
    return {
        "text": read_text(content, "title", "text"),
        "contentText": read_text(content, "description", "contentText", "body"),
        "footerText": read_text(content, "footer", "footerText"),
        "buttons": [{"buttonText": {"displayText": label}} for label in labels],
    }


_LOCATIONS = frozenset({"locationMessage", "liveLocationMessage"})


def _respell_location(location: JsonObject) -> JsonObject:
    """Return a location with Baileys' names, those of requests to Evolution being shorter."""
    respelled = {
        "degreesLatitude": location.get("latitude"),
        "degreesLongitude": location.get("longitude"),
    }
    return {**respelled, **location}
