"""Updates of contacts: new numbers, new ids and marketing preferences."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from shared.contracts.contact import ContactLink, ContactMove
from shared.gateways.cloud_api.chat import Change
from shared.gateways.normalize.contact_links import build_move_id, parse_bsuid, parse_number
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, Unreadable

_SYSTEM_REASONS = {
    "user_changed_number": "number-changed",
    "customer_changed_number": "number-changed",
    "user_changed_user_id": "user-id-update",
    "user_identity_changed": "identity-changed",
    "customer_identity_changed": "identity-changed",
}
_MOVING = frozenset({"number-changed", "user-id-update"})
_PREFERENCES = {
    "stop": "marketing-stop",
    "resume": "marketing-resume",
    "signup": "marketing-signup",
}


def translate_system_message(
    change: Change, message: JsonObject
) -> ContactLink | ContactMove | Ignored:
    """Translate a notice in a chat: a new number, a new user id or both."""
    notice = read_object(message, "system")
    kind = read_text(notice, "type").strip().lower()
    reason = _SYSTEM_REASONS.get(kind)
    if reason is None:
        return Ignored("system-notice", kind[:LONGEST_DETAIL])
    if reason not in _MOVING:
        return Ignored(reason)
    old = _Addresses(
        parse_number(read_text(message, "from")),
        parse_bsuid(read_text(notice, "previous_user_id") or read_text(message, "from_user_id")),
    )
    new = _Addresses(
        parse_number(read_text(notice, "wa_id", "new_wa_id")),
        parse_bsuid(read_text(notice, "user_id", "new_user_id")),
    )
    return _build_link_or_move(change, message, old, new) or Ignored(reason)


def translate_user_id_update(
    change: Change, update: JsonValue
) -> Iterator[ContactLink | ContactMove | Ignored]:
    """Translate a user's new id, `{previous, current}`, beside the number that stays."""
    members = update if isinstance(update, dict) else {}
    user_id, number = read_object(members, "user_id"), parse_number(read_text(members, "wa_id"))
    current = parse_bsuid(read_text(user_id, "current") or read_text(members, "user_id"))
    old = _Addresses(number, parse_bsuid(read_text(user_id, "previous")))
    new = _Addresses(number, current)
    yield _build_link_or_move(change, members, old, new) or Ignored("user-id-update")


def translate_preference(_: Change, preference: JsonValue) -> Iterator[Ignored]:
    """Ignore whether a person wants marketing messages, with the reason."""
    value = read_text(preference, "value").strip().lower() if isinstance(preference, dict) else ""
    reason = _PREFERENCES.get(value, "marketing-preference")
    yield Ignored(reason, "" if value in _PREFERENCES else value[:LONGEST_DETAIL])


def translate_state_sync(_: Change, sync: JsonValue) -> Iterator[Ignored | Unreadable]:
    """Ignore a change of the address book of the business' telephone."""
    members = sync if isinstance(sync, dict) else {}
    kind = read_text(members, "type") or "contact"
    reason = "contact-sync" if kind == "contact" else "state-sync"
    yield Ignored(reason, read_text(members, "action")[:LONGEST_DETAIL])


@dataclass(frozen=True, slots=True)
class _Addresses:
    """The number and the BSUID of a person, as far as they are known."""

    number: str | None
    bsuid: str | None


def _build_link_or_move(
    change: Change, part: JsonObject, old: _Addresses, new: _Addresses
) -> ContactLink | ContactMove | None:
    """Return the change of the addresses; a link if none was replaced, None if nothing is new."""
    line = change.line
    at = line.read_time(part.get("timestamp"), change.sent_at).at
    is_moved = (new.number and old.number != new.number) or (
        new.bsuid and old.bsuid and old.bsuid != new.bsuid
    )
    if is_moved and (old.number or old.bsuid):
        return ContactMove(
            company_id=line.company_id,
            request_id=build_move_id(
                at, old.number, new.number, old.bsuid, new.bsuid, change.portfolio
            ),
            timestamp=at,
            number=old.number,
            new_number=new.number,
            bsuid=old.bsuid,
            new_bsuid=new.bsuid,
            portfolio=change.portfolio,
            whatsapp_id=line.whatsapp_id,
        )
    number, bsuid = new.number or old.number, new.bsuid or old.bsuid
    if number is None or bsuid is None:
        return None
    return ContactLink(
        company_id=line.company_id,
        request_id=f"link:{bsuid}:{number}",
        number=number,
        bsuid=bsuid,
        portfolio=change.portfolio,
        whatsapp_id=line.whatsapp_id,
        timestamp=at,
    )
