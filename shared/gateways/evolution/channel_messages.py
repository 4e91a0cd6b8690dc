"""Messages of Evolution's own channel (integration `EVOLUTION`) in the form of Baileys.

Their `messageType` names the content, whose members are in `message` itself.
"""

from pydantic import JsonValue

from shared.gateways.normalize.json_values import (
    JsonObject,
    as_list,
    read_object,
    read_objects,
    read_text,
)

_FILES = frozenset({"imageMessage", "videoMessage", "audioMessage", "documentMessage"})
_BESIDE_FILES = frozenset({"mediaUrl", "base64", "quoted"})


def wrap_contents(data: JsonValue) -> JsonValue:
    """Return messages with each content in the member that its type names, as Baileys has it."""
    if isinstance(data, dict) and "messages" in data:
        return {**data, "messages": [_wrap_content(each) for each in as_list(data["messages"])]}
    if isinstance(data, list):
        return [_wrap_content(each) for each in data]
    return _wrap_content(data)


def _wrap_content(message: JsonValue) -> JsonValue:
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
    if any("Message" in name for name in content):
        return {}
    if kind in _FILES and "mediaUrl" in content:
        file = {name: value for name, value in content.items() if name not in _BESIDE_FILES}
        return {kind: file, "mediaUrl": content["mediaUrl"]}
    if kind == "listMessage":
        return {kind: {name: value for name, value in content.items() if name != "quoted"}}
    return {"buttonsMessage": _respell_buttons(content)} if kind == "buttonMessage" else {}


def _respell_buttons(content: JsonObject) -> JsonObject:
    labels = [read_text(button, "displayText") for button in read_objects(content.get("buttons"))]
    return {
        "text": content.get("title"),
        "contentText": content.get("description"),
        "footerText": content.get("footer"),
        "buttons": [{"buttonText": {"displayText": label}} for label in labels],
    }
