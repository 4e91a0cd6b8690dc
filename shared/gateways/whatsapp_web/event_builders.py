"""Builders of our events from the form of WhatsApp Web."""

from pydantic import JsonValue

from shared.contracts.contact import ContactLink
from shared.contracts.message import MessageReceived, Referral
from shared.contracts.message_change import FAILED, PLAYED, READ
from shared.gateways.normalize.addresses import (
    AddressKind,
    build_party_fields,
    join_addresses,
    parse_address,
)
from shared.gateways.normalize.contact_links import build_number_change
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.normalize.line import Line, Time
from shared.gateways.normalize.outcome import Ignored, PartOutcome, Unreadable
from shared.gateways.proto_message.changed_message import ChangedMessage
from shared.gateways.proto_message.content import Content
from shared.gateways.proto_message.key import MessageKey
from shared.gateways.whatsapp_web.texts import redact_web_message


def build_web_message(
    line: Line,
    key: MessageKey,
    content: Content,
    at: Time,
    message: JsonObject,
    describing: JsonObject | None = None,
) -> MessageReceived:
    """Build the event of a message; `message` is stored with it, redacted.

    `describing` holds the sender's name and the ad, if `message` does not.
    """
    description = message if describing is None else describing
    return MessageReceived(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        chat=key.chat.canonical,
        wid=key.wid,
        timestamp=at.at,
        timestamp_estimated=at.is_estimated,
        from_me=key.from_me,
        is_group=key.is_group,
        body=content.body,
        media_type=content.media_type,
        media_url=content.media_url,
        **content.file_and_choice.members,
        quoted_wid=content.quoted_wid,
        is_forwarded=content.is_forwarded,
        push_name=_read_push_name(description, key),
        **build_party_fields(key.chat, key.author if key.is_group else None),
        referral=None if key.from_me else read_referral(description.get("ctwaContext")),
        data_json=redact_web_message(message),
    )


def _read_push_name(message: JsonObject, key: MessageKey) -> str | None:
    sender = read_object(message, "sender")
    return key.choose_push_name(
        *(message.get(member) for member in ("notifyName", "pushName")),
        *(sender.get(member) for member in ("pushname", "pushName")),
        message.get("contactName"),  # WPPConnect's mapper
    )


def read_referral(advert: JsonValue) -> Referral | None:
    """Return the ad that a conversation began from; None if no member identifies it."""
    if not isinstance(advert, dict):
        return None
    referral = Referral(
        source_type=read_text(advert, "sourceType", "conversionSource") or None,
        source_id=read_text(advert, "sourceId", "sourceID") or None,
        source_url=read_text(advert, "sourceUrl", "sourceURL") or None,
        headline=read_text(advert, "title", "headline") or None,
        ctwa_clid=read_text(advert, "ctwaClid", "ctwa_clid") or None,
    )
    return referral if referral.model_dump(exclude_none=True) else None


def build_ack(line: Line, key: MessageKey, ack: int | None, at: Time) -> PartOutcome:
    """Build the ack of our message, or `message.read` for one of theirs.

    In a group, the author of the key is the recipient.
    """
    if ack is None:
        return Unreadable("ack is not a number")
    message = ChangedMessage(line, key, key.wid, at)
    if ack > PLAYED:  # 5: between our own devices
        return Ignored("ack-of-own-device", str(ack)[:20])
    if not key.from_me:
        return message.build_read() if ack in {READ, PLAYED} else Ignored("ack-of-theirs")
    return message.build_ack(max(ack, FAILED), str(ack) if ack < FAILED else None)


def ignore_without_message(key: Ignored | Unreadable) -> Ignored:
    """Ignore a status without a message: it holds no text of a customer."""
    return key if isinstance(key, Ignored) else Ignored("update-of-no-message", key.detail)


def translate_number_change(line: Line, old: str, new: str, at: Time) -> PartOutcome:
    """Return a link for a LID and a number, and a move for two numbers."""
    kinds = {address.kind for address in (parse_address(old), parse_address(new)) if address}
    party = join_addresses((old, new))
    if kinds != {AddressKind.NUMBER, AddressKind.LID} or party is None or party.lid is None:
        return build_number_change(line, old, new, at.at) or Ignored("number-changed")
    return ContactLink(
        company_id=line.company_id,
        request_id=f"link:{party.lid}:{party.canonical}",
        number=party.canonical,
        lid=party.lid,
        whatsapp_id=line.whatsapp_id,
        timestamp=at.at,
    )
