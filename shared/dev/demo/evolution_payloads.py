"""Builds Evolution API's `messages.upsert` of a message, in the shapes of two versions."""

from uuid import NAMESPACE_URL, uuid5

from pydantic import JsonValue

from shared.dev.demo.companies import Group, Person
from shared.dev.demo.conversations import Kind, SampleMessage
from shared.dev.demo.records import build_evolution_envelope

Json = dict[str, JsonValue]
MESSAGE_TYPES = {
    Kind.TEXT: "conversation",
    Kind.EXTENDED: "extendedTextMessage",
    Kind.IMAGE: "imageMessage",
    Kind.VIDEO: "videoMessage",
    Kind.AUDIO: "audioMessage",
    Kind.DOCUMENT: "documentMessage",
    Kind.STICKER: "stickerMessage",
    Kind.LOCATION: "locationMessage",
    Kind.CARD: "contactMessage",
}


def build_upsert(
    message: SampleMessage, *, by_lid: bool = False, event: str = "messages.upsert"
) -> Json:
    """Build the payload; `by_lid` addresses the chat by its LID, as Evolution API 2.3.6 does."""
    message_payload, context = _build_message(message), _build_context(message)
    if message.kind is Kind.EXTENDED and context:
        extended: Json = {"text": message.text, "contextInfo": context}
        message_payload["extendedTextMessage"] = extended
    content: Json = {
        "key": _build_key(message, by_lid=by_lid),
        "pushName": message.author.name if message.author else "Você",
        "status": "DELIVERY_ACK" if message.author else "SERVER_ACK",
        "message": message_payload,
        "contextInfo": context,
        "messageType": MESSAGE_TYPES[message.kind],
        "messageTimestamp": int(message.at.timestamp()),
        "instanceId": str(uuid5(NAMESPACE_URL, message.line.instance)),
        "source": "android" if message.author else "web",
    }
    return build_evolution_envelope(
        event, message.line.instance, message.line.number, message.at, content
    )


def _build_key(message: SampleMessage, *, by_lid: bool) -> Json:
    key: Json = {"fromMe": message.author is None, "id": message.wid}
    if isinstance(message.chat, Group):
        key["remoteJid"] = f"{message.chat.id}@g.us"
        author = message.author or Person("", message.line.number, None)
        names = _list_addresses(author, by_lid=by_lid)
        key["participant"] = names[0]
        if len(names) > 1:
            key["participantAlt"] = names[1]
    else:
        names = _list_addresses(message.chat, by_lid=by_lid)
        key["remoteJid"] = names[0]
        if len(names) > 1:
            key["remoteJidAlt"] = names[1]
        key["participant"] = ""
    key["addressingMode"] = "lid" if by_lid or names[0].endswith("@lid") else "pn"
    return key


def _list_addresses(person: Person, *, by_lid: bool) -> list[str]:
    number = [f"{person.number}@s.whatsapp.net"] if person.number else []
    lid = [f"{person.lid}@lid"] if person.lid else []
    return lid + number if by_lid else number + lid


def _build_context(message: SampleMessage) -> Json | None:
    if message.quoted is None:
        return None
    author = message.quoted.author
    return {
        "stanzaId": message.quoted.wid,
        "participant": _list_addresses(
            author or Person("", message.line.number, None), by_lid=False
        )[0],
        "quotedMessage": {"conversation": message.quoted.text},
    }


def _build_message(message: SampleMessage) -> Json:
    """Build the message; its first member is device data, which is not the message."""
    device: Json = {"messageContextInfo": {"deviceListMetadataVersion": 2}}
    return device | _build_content(message)


def _build_content(message: SampleMessage) -> Json:
    match message.kind:
        case Kind.TEXT:
            return {"conversation": message.text}
        case Kind.EXTENDED:
            return {"extendedTextMessage": {"text": message.text}}
        case Kind.LOCATION:
            location: Json = {
                "degreesLatitude": -23.5,
                "degreesLongitude": -46.6,
                "name": message.text,
            }
            return {"locationMessage": location}
        case Kind.CARD:
            card = f"BEGIN:VCARD\nVERSION:3.0\nFN:{message.text}\nEND:VCARD"
            return {"contactMessage": {"displayName": message.text, "vcard": card}}
        case _:
            return _build_media(message)


MEDIA_FORMATS: dict[Kind, tuple[str, str]] = {
    Kind.IMAGE: ("image/jpeg", "jpg"),
    Kind.VIDEO: ("video/mp4", "mp4"),
    Kind.AUDIO: ("audio/ogg; codecs=opus", "ogg"),
    Kind.DOCUMENT: ("application/pdf", "pdf"),
    Kind.STICKER: ("image/webp", "webp"),
}


def build_media_url(message: SampleMessage) -> str | None:
    """Return the address of a media file; None for messages without media."""
    if message.kind not in MEDIA_FORMATS:
        return None
    return f"https://files.example/{message.line.instance}/{message.wid}.{MEDIA_FORMATS[message.kind][1]}"


def get_mime_type(message: SampleMessage) -> str | None:
    """Return the MIME type of a media file; None for messages without media."""
    return MEDIA_FORMATS[message.kind][0] if message.kind in MEDIA_FORMATS else None


def _build_media(message: SampleMessage) -> Json:
    content: Json = {
        "url": "https://mmg.whatsapp.example/encrypted",
        "mimetype": MEDIA_FORMATS[message.kind][0],
        "fileLength": {"low": 52046, "high": 0, "unsigned": True},
        "mediaKey": {"0": 12, "1": 200, "2": 7},
    }
    if message.kind in {Kind.IMAGE, Kind.VIDEO}:
        content["caption"] = message.text
    elif message.kind is Kind.DOCUMENT:
        content["fileName"] = message.text
    elif message.kind is Kind.AUDIO:
        content |= {"seconds": 7, "ptt": True}
    return {
        MESSAGE_TYPES[message.kind]: content,
        "mediaUrl": build_media_url(message),
        "base64": "T1ZFUlNJWkVE",
    }
