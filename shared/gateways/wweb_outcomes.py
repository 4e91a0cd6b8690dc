"""What gateways that speak whatsapp-web tell, as our events."""

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.connection import ConnectionUpdated, LineStatus
from shared.contracts.contact import ContactLink
from shared.contracts.message import MessageReceived, Referral
from shared.contracts.message_change import FAILED, PLAYED, READ
from shared.gateways.baileys_changed import Changed
from shared.gateways.baileys_key import MessageKey
from shared.gateways.baileys_message import Content
from shared.gateways.identity import Kind, address, person
from shared.gateways.line import Line, Time
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, text
from shared.gateways.wweb_record import recorded

Outcome = Event | Ignored | Unreadable


def received(
    line: Line,
    key: MessageKey,
    content: Content,
    at: Time,
    message: JsonObject,
    described: JsonObject | None = None,
) -> MessageReceived:
    """Tell of a message, kept as it came; `described` says by whom it is, where it does not."""
    about = message if described is None else described
    author = key.author if key.is_group else None
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
        quoted_wid=content.quoted_wid,
        is_forwarded=content.is_forwarded,
        push_name=_push_name(about, key),
        lid=key.chat.lid,
        jid=key.chat.jid,
        participant=author.canonical if author else None,
        participant_lid=author.lid if author else None,
        participant_jid=author.jid if author else None,
        referral=None if key.from_me else referral(about.get("ctwaContext")),
        data_json=recorded(message),
    )


def _push_name(message: JsonObject, key: MessageKey) -> str | None:
    sender = message.get("sender")
    names = (
        text(message, "notifyName", "pushName"),
        text(sender, "pushname", "pushName") if isinstance(sender, dict) else "",
        text(message, "contactName"),  # WPPConnect's mapper
    )
    name = next((name.strip() for name in names if name.strip()), "")
    if not name or key.from_me or key.is_address(name):
        return None
    return name


def referral(advert: JsonValue) -> Referral | None:
    """Read the advert that a conversation began from, where a member says which it was."""
    if not isinstance(advert, dict):
        return None
    found = Referral(
        source_type=text(advert, "sourceType", "conversionSource") or None,
        source_id=text(advert, "sourceId", "sourceID") or None,
        source_url=text(advert, "sourceUrl", "sourceURL") or None,
        headline=text(advert, "title", "headline") or None,
        ctwa_clid=text(advert, "ctwaClid", "ctwa_clid") or None,
    )
    return found if found.model_dump(exclude_none=True) else None


def acked(line: Line, key: MessageKey, ack: int | None, at: Time) -> Outcome:
    """Tell how far a message of ours came, or that we read one of theirs.

    In a group, the key's author is the one to whom it came.
    """
    if ack is None:
        return Unreadable("ack is not a number")
    message = Changed(line, key, key.wid, at)
    if ack > PLAYED:  # 5: between our own devices
        return Ignored("ack-of-own-device", str(ack)[:20])
    if not key.from_me:
        return message.read() if ack in {READ, PLAYED} else Ignored("ack-of-theirs")
    return message.acked(max(ack, FAILED), str(ack) if ack < FAILED else None)


def of_no_message(key: Ignored | Unreadable) -> Ignored:
    """Give up on a state whose message is not named: it is nobody's words, so no dead letter."""
    return key if isinstance(key, Ignored) else Ignored("update-of-no-message", key.detail)


def connection(
    line: Line, status: LineStatus, at: Time, reason: str = "", number: str | None = None
) -> ConnectionUpdated:
    """Tell of the line's own state."""
    return ConnectionUpdated(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        status=status,
        timestamp=at.at,
        timestamp_estimated=at.is_estimated,
        reason=reason or None,
        number=number,
    )


def number_changed(line: Line, old: str, new: str) -> Outcome:
    """Link a LID with a number; a number's change to another number names two owners in time."""
    kinds = {found.kind for found in (address(old), address(new)) if found}
    both = person((old, new))
    if kinds != {Kind.NUMBER, Kind.LID} or both is None or both.lid is None:
        return Ignored("number-changed")
    return ContactLink(
        company_id=line.company_id,
        request_id=f"link:{both.lid}:{both.canonical}",
        number=both.canonical,
        lid=both.lid,
    )
