"""How a gateway of our own tells what was said: the normalised `message.received`."""

from shared.contracts.message import MessageReceived
from shared.demo.cast import Person, Place
from shared.demo.crowd import Kind, Said
from shared.demo.evolution import media_url

MEDIA_TYPES = {
    Kind.TEXT: "conversation",
    Kind.EXTENDED: "extendedTextMessage",
    Kind.IMAGE: "image",
    Kind.VIDEO: "video",
    Kind.AUDIO: "audio",
    Kind.DOCUMENT: "application",
    Kind.STICKER: "stickerMessage",
    Kind.LOCATION: "locationMessage",
    Kind.CARD: "contactMessage",
}


def received(said: Said, place: Place) -> MessageReceived:
    """Tell one message as our contract has it."""
    in_group = None if isinstance(said.chat, Person) else said.author
    direct = said.chat if isinstance(said.chat, Person) else None
    return MessageReceived(
        company_id=place.company_id,
        whatsapp_id=place.whatsapp_id,
        chat=said.chat.chat,
        wid=said.wid,
        timestamp=said.at,
        from_me=said.author is None,
        is_group=said.is_group,
        body=said.text,
        media_type=MEDIA_TYPES[said.kind],
        media_url=media_url(said),
        quoted_wid=said.quoted.wid if said.quoted else None,
        push_name=said.author.name if said.author else None,
        lid=_lid(direct),
        jid=_jid(direct) if direct else f"{said.chat.identity}@g.us",
        participant=in_group.chat if in_group else None,
        participant_lid=_lid(in_group),
        participant_jid=_jid(in_group),
    )


def _lid(person: Person | None) -> str | None:
    return f"{person.lid}@lid" if person and person.lid else None


def _jid(person: Person | None) -> str | None:
    if person is None:
        return None
    return f"{person.number}@s.whatsapp.net" if person.number else _lid(person)
