"""The Cloud API's news about people: other numbers, other ids, and what they want to get."""

from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.contact import ContactLink
from shared.gateways.cloud_api_party import Change
from shared.gateways.identity import Kind, address
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, mapping, text

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


def system(line: Line, message: JsonObject) -> ContactLink | Ignored:
    """Read a notice in a chat: a new number and a new user id of one person belong together.

    The old number is not linked: it will be another person's.
    """
    told = mapping(message, "system")
    kind = text(told, "type").strip().lower()
    reason = _SYSTEM_REASONS.get(kind)
    if reason is None:
        return Ignored("system-notice", kind[:LONGEST_DETAIL])
    link = _link(line, text(told, "wa_id", "new_wa_id"), text(told, "user_id"))
    return link if link and reason in _LINKING else Ignored(reason)


def user_id_update(change: Change, update: JsonValue) -> Iterator[ContactLink | Ignored]:
    """Read a user's new id, `{previous, current}`."""
    told = update if isinstance(update, dict) else {}
    current = text(mapping(told, "user_id"), "current") or text(told, "user_id")
    yield _link(change.line, text(told, "wa_id"), current) or Ignored("user-id-update")


def preference(_: Change, preference: JsonValue) -> Iterator[Ignored]:
    """Read what a person wants of marketing messages."""
    value = text(preference, "value").strip().lower() if isinstance(preference, dict) else ""
    reason = _PREFERENCES.get(value, "marketing-preference")
    yield Ignored(reason, "" if value in _PREFERENCES else value[:LONGEST_DETAIL])


def state_sync(_: Change, sync: JsonValue) -> Iterator[Ignored | Unreadable]:
    """Read a change of the address book of the business' telephone."""
    told = sync if isinstance(sync, dict) else {}
    kind = text(told, "type") or "contact"
    reason = "contact-sync" if kind == "contact" else "state-sync"
    yield Ignored(reason, text(told, "action")[:LONGEST_DETAIL])


def _link(line: Line, number: str, user_id: str) -> ContactLink | None:
    phone, user = address(number), address(user_id)
    if phone is None or user is None or (phone.kind, user.kind) != (Kind.NUMBER, Kind.BSUID):
        return None
    return ContactLink(
        company_id=line.company_id,
        request_id=f"link:{user.canonical}:{phone.canonical}",
        number=phone.canonical,
        jid=user.canonical,
    )
