"""How Evolution API tells what was said: its `messages.upsert`, in the shapes of two versions."""

from uuid import NAMESPACE_URL, uuid5

from pydantic import JsonValue

from shared.demo.cast import Group, Person
from shared.demo.crowd import Kind, Said
from shared.demo.records import evolution_envelope

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


def upsert(said: Said, *, by_lid: bool = False, event: str = "messages.upsert") -> Json:
    """Tell one message; `by_lid` addresses the chat by its LID, as Evolution API 2.3.6 does."""
    message, context = _message(said), _context(said)
    if said.kind is Kind.EXTENDED and context:
        extended: Json = {"text": said.text, "contextInfo": context}
        message["extendedTextMessage"] = extended
    content: Json = {
        "key": _key(said, by_lid=by_lid),
        "pushName": said.author.name if said.author else "Você",
        "status": "DELIVERY_ACK" if said.author else "SERVER_ACK",
        "message": message,
        "contextInfo": context,
        "messageType": MESSAGE_TYPES[said.kind],
        "messageTimestamp": int(said.at.timestamp()),
        "instanceId": str(uuid5(NAMESPACE_URL, said.line.instance)),
        "source": "android" if said.author else "web",
    }
    return evolution_envelope(event, said.line.instance, said.line.number, said.at, content)


def _key(said: Said, *, by_lid: bool) -> Json:
    key: Json = {"fromMe": said.author is None, "id": said.wid}
    if isinstance(said.chat, Group):
        key["remoteJid"] = f"{said.chat.id}@g.us"
        author = said.author or Person("", said.line.number, None)
        names = _addresses(author, by_lid=by_lid)
        key["participant"] = names[0]
        if len(names) > 1:
            key["participantAlt"] = names[1]
    else:
        names = _addresses(said.chat, by_lid=by_lid)
        key["remoteJid"] = names[0]
        if len(names) > 1:
            key["remoteJidAlt"] = names[1]
        key["participant"] = ""
    key["addressingMode"] = "lid" if by_lid or names[0].endswith("@lid") else "pn"
    return key


def _addresses(person: Person, *, by_lid: bool) -> list[str]:
    number = [f"{person.number}@s.whatsapp.net"] if person.number else []
    lid = [f"{person.lid}@lid"] if person.lid else []
    return lid + number if by_lid else number + lid


def _context(said: Said) -> Json | None:
    if said.quoted is None:
        return None
    author = said.quoted.author
    return {
        "stanzaId": said.quoted.wid,
        "participant": _addresses(author or Person("", said.line.number, None), by_lid=False)[0],
        "quotedMessage": {"conversation": said.quoted.text},
    }


def _message(said: Said) -> Json:
    """Put the message itself behind a member that must not be taken for it."""
    device: Json = {"messageContextInfo": {"deviceListMetadataVersion": 2}}
    return device | _content(said)


def _content(said: Said) -> Json:
    match said.kind:
        case Kind.TEXT:
            return {"conversation": said.text}
        case Kind.EXTENDED:
            return {"extendedTextMessage": {"text": said.text}}
        case Kind.LOCATION:
            place: Json = {"degreesLatitude": -23.5, "degreesLongitude": -46.6, "name": said.text}
            return {"locationMessage": place}
        case Kind.CARD:
            card = f"BEGIN:VCARD\nVERSION:3.0\nFN:{said.text}\nEND:VCARD"
            return {"contactMessage": {"displayName": said.text, "vcard": card}}
        case _:
            return _media(said)


MEDIA_FORMATS: dict[Kind, tuple[str, str]] = {
    Kind.IMAGE: ("image/jpeg", "jpg"),
    Kind.VIDEO: ("video/mp4", "mp4"),
    Kind.AUDIO: ("audio/ogg; codecs=opus", "ogg"),
    Kind.DOCUMENT: ("application/pdf", "pdf"),
    Kind.STICKER: ("image/webp", "webp"),
}


def media_url(said: Said) -> str | None:
    """Where Evolution API's storage keeps the file of a media message."""
    if said.kind not in MEDIA_FORMATS:
        return None
    return f"https://files.example/{said.line.instance}/{said.wid}.{MEDIA_FORMATS[said.kind][1]}"


def _media(said: Said) -> Json:
    content: Json = {
        "url": "https://mmg.whatsapp.example/encrypted",
        "mimetype": MEDIA_FORMATS[said.kind][0],
        "fileLength": {"low": 52046, "high": 0, "unsigned": True},
        "mediaKey": {"0": 12, "1": 200, "2": 7},
    }
    if said.kind in {Kind.IMAGE, Kind.VIDEO}:
        content["caption"] = said.text
    elif said.kind is Kind.DOCUMENT:
        content["fileName"] = said.text
    elif said.kind is Kind.AUDIO:
        content |= {"seconds": 7, "ptt": True}
    return {
        MESSAGE_TYPES[said.kind]: content,
        "mediaUrl": media_url(said),
        "base64": "T1ZFUlNJWkVE",
    }
