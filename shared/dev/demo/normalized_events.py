"""Builds the normalized `message.received` of a message."""

from shared.contracts.message import MessageReceived
from shared.dev.demo.companies import LineIds, Person
from shared.dev.demo.conversations import Kind, SampleMessage
from shared.dev.demo.evolution_payloads import build_media_url, get_mime_type

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

PORTFOLIO = "demo"  # of all companies: BSUIDs differ by company alone


def build_message_received(message: SampleMessage, line_ids: LineIds) -> MessageReceived:
    """Build the event that a gateway of our own publishes for a message."""
    in_group = None if isinstance(message.chat, Person) else message.author
    direct = message.chat if isinstance(message.chat, Person) else None
    return MessageReceived(
        company_id=line_ids.company_id,
        whatsapp_id=line_ids.whatsapp_id,
        chat=message.chat.chat,
        wid=message.wid,
        timestamp=message.at,
        from_me=message.author is None,
        is_group=message.is_group,
        body=message.text,
        media_type=MEDIA_TYPES[message.kind],
        media_url=build_media_url(message),
        file_name=message.text if message.kind is Kind.DOCUMENT else None,
        mime_type=get_mime_type(message),
        quoted_wid=message.quoted.wid if message.quoted else None,
        push_name=message.author.name if message.author else None,
        lid=_format_lid(direct),
        jid=_format_jid(direct) if direct else f"{message.chat.identity}@g.us",
        participant=in_group.chat if in_group else None,
        participant_lid=_format_lid(in_group),
        participant_jid=_format_jid(in_group),
        bsuid=direct.bsuid if direct else None,
        participant_bsuid=in_group.bsuid if in_group else None,
        portfolio=PORTFOLIO,
    )


def _format_lid(person: Person | None) -> str | None:
    return f"{person.lid}@lid" if person and person.lid else None


def _format_jid(person: Person | None) -> str | None:
    if person is None:
        return None
    return f"{person.number}@s.whatsapp.net" if person.number else _format_lid(person)
