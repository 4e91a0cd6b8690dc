"""Updates of contacts: new numbers, new ids and marketing preferences."""

from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.contact import ContactLink
from shared.gateways.cloud_api.chat import Change
from shared.gateways.normalize.addresses import AddressKind, parse_address
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Ignored, Unreadable

_SYSTEM_REASONS = {
    "user_changed_number": "number-changed",
    "customer_changed_number": "number-changed",
    "user_changed_user_id": "user-id-update",
    "user_identity_changed": "identity-changed",
    "customer_identity_changed": "identity-changed",
}
_LINKING = frozenset({"number-changed", "user-id-update"})
_PREFERENCES = {
    "stop": "marketing-stop",
    "resume": "marketing-resume",
    "signup": "marketing-signup",
}


def translate_system_message(line: Line, message: JsonObject) -> ContactLink | Ignored:
    """Translate a notice in a chat: a new number and a new user id are linked.

    The old number is not linked: it may get another owner.
    """
    notice = read_object(message, "system")
    kind = read_text(notice, "type").strip().lower()
    reason = _SYSTEM_REASONS.get(kind)
    if reason is None:
        return Ignored("system-notice", kind[:LONGEST_DETAIL])
    link = _build_link(line, read_text(notice, "wa_id", "new_wa_id"), read_text(notice, "user_id"))
    return link if link and reason in _LINKING else Ignored(reason)


def translate_user_id_update(change: Change, update: JsonValue) -> Iterator[ContactLink | Ignored]:
    """Translate a user's new id, `{previous, current}`."""
    members = update if isinstance(update, dict) else {}
    current = read_text(read_object(members, "user_id"), "current") or read_text(members, "user_id")
    yield _build_link(change.line, read_text(members, "wa_id"), current) or Ignored(
        "user-id-update"
    )


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


def _build_link(line: Line, number: str, user_id: str) -> ContactLink | None:
    phone, user = parse_address(number), parse_address(user_id)
    if (
        phone is None
        or user is None
        or (phone.kind, user.kind) != (AddressKind.NUMBER, AddressKind.BSUID)
    ):
        return None
    return ContactLink(
        company_id=line.company_id,
        request_id=f"link:{user.canonical}:{phone.canonical}",
        number=phone.canonical,
        jid=user.canonical,
    )
