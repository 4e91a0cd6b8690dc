"""WhatsApp Cloud API: Meta's webhooks, in which entries, changes and messages are arrays each."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from pydantic import JsonValue

from shared.gateways import cloud_api_message, cloud_api_people, cloud_api_status
from shared.gateways.cloud_api_message import Outcome, error_code
from shared.gateways.cloud_api_party import Change, parts
from shared.gateways.line import Line
from shared.gateways.outcome import (
    LONGEST_DETAIL,
    Ignored,
    Translation,
    Unreadable,
    or_one,
    translation_of,
)
from shared.gateways.reading import JsonObject, mapping, text

# About the account, not about a chat; the reason is the field's name with hyphens.
_NOTICES = frozenset(
    {
        "account_alerts",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "automatic_events",
        "business_capability_update",
        "business_status_update",
        "business_username_update",
        "business_username_updates",
        "contacts",
        "flows",
        "group_lifecycle_update",
        "group_participants_update",
        "group_settings_update",
        "group_status_update",
        "message_template_category_update",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "messaging_handovers",
        "partner_solutions",
        "payment_configuration_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "phone_number_username_update",
        "security",
        "template_category_update",
        "template_correct_category_detection",
        "tracking_events",
    }
)
_CHATS = frozenset(
    {
        "calls",
        "history",
        "message_echoes",
        "messages",
        "smb_app_state_sync",
        "smb_message_echoes",
        "standby",
        "user_id_update",
        "user_preferences",
    }
)
_ENVELOPE = frozenset({"messaging_product", "metadata", "contacts", "standby"})
_OTHER_PRODUCTS = frozenset({"application", "instagram", "page", "permissions", "user"})


def translate(payload: JsonValue, line: Line) -> Translation:
    """Say what a webhook means on a line; never raises, whatever it holds."""
    webhooks = payload if isinstance(payload, list) else [payload]
    return translation_of(part for webhook in webhooks for part in _webhook(webhook, line))


def _webhook(webhook: JsonValue, line: Line) -> Iterator[Outcome]:
    if not isinstance(webhook, dict):
        yield Unreadable("the payload is not an object")
    elif (product := text(webhook, "object")) in _OTHER_PRODUCTS:
        yield Ignored("other-product", product)
    elif "entry" in webhook:
        entries = parts(webhook, "entry")
        for entry in entries:
            yield from _entry(entry, line)
        if not entries:
            yield Ignored("empty-batch", "entry")
    else:
        yield from _without_envelope(webhook, line)


def _without_envelope(webhook: JsonObject, line: Line) -> Iterator[Outcome]:
    recipient = text(webhook, "to", "recipient")
    if recipient and text(webhook, "messaging_product") and text(webhook, "type"):
        yield Ignored("outgoing-request", text(webhook, "type")[:LONGEST_DETAIL])
    elif text(webhook, "field") and isinstance(webhook.get("value"), dict):
        yield from _change(webhook, line, None)  # as the App Dashboard shows its samples
    elif any(isinstance(webhook.get(name), list) for name in _READERS):
        told = _told(Change(line, webhook))
        yield from or_one(told, lambda: Unreadable("the payload has no entry"))
    else:
        yield Unreadable("the payload has no entry")


def _entry(entry: JsonValue, line: Line) -> Iterator[Outcome]:
    if not isinstance(entry, dict) or "changes" not in entry:
        yield Unreadable("an entry has no changes")
        return
    changes = parts(entry, "changes")
    for change in changes:
        yield from _change(change, line, entry.get("time"))
    if not changes:
        yield Ignored("empty-batch", "changes")


def _change(change: JsonValue, line: Line, sent_at: JsonValue) -> Iterator[Outcome]:
    if not isinstance(change, dict):
        yield Unreadable("a change is not an object")
        return
    field, value = text(change, "field").strip().lower(), change.get("value")
    about = value if isinstance(value, dict) else {}
    if field in _NOTICES:
        yield Ignored(field.replace("_", "-"), text(about, "event")[:LONGEST_DETAIL])
    elif number_id := _of_another_number(about, line):
        yield Unreadable(
            f"it is about phone number id {number_id}, which is not registered for this line in "
            '"GatewayConnections"; correct the row or the callback address, then replay',
            "tenant-mismatch",
        )
    elif about or (field and field not in _CHATS):
        told = _told(Change(line, about, field, sent_at))
        yield from or_one(told, lambda: _nothing(field, about))
    else:
        yield Unreadable("the value of a change is not an object")


def _of_another_number(about: JsonObject, line: Line) -> str | None:
    """Give the phone number that a change is about, where the line is registered as another."""
    number_id = text(mapping(about, "metadata"), "phone_number_id")
    is_other = line.instances and number_id and number_id not in line.instances
    return number_id if is_other else None


def _told(change: Change) -> Iterator[Outcome]:
    for name, read in _READERS.items():
        for part in parts(change.value, name):
            yield from read(change, part)
    # While Meta's own agent answers a chat, its messages come one level deeper.
    if aside := mapping(change.value, "standby"):
        about = {name: change.value.get(name) for name in ("metadata", "contacts")}
        yield from _told(replace(change, value={**about, **aside, "standby": None}))


def _nothing(field: str, value: JsonObject) -> Ignored | Unreadable:
    others = " ".join(sorted(value.keys() - _ENVELOPE - _READERS.keys()))
    if field not in _CHATS:
        return Ignored("unknown-event", field[:LONGEST_DETAIL]) if field else Unreadable("no field")
    if others:
        return Ignored("unknown-event", f"{field} {others}"[:LONGEST_DETAIL])
    return Ignored("empty-batch", field)


def _error(_: Change, error: JsonValue) -> Iterator[Outcome]:
    yield Ignored("gateway-error", error_code(error) or "")


_READERS: dict[str, Callable[[Change, JsonValue], Iterator[Outcome]]] = {
    "messages": cloud_api_message.received,
    "message_echoes": cloud_api_message.echoed,
    "statuses": cloud_api_status.status,
    "calls": cloud_api_status.call,
    "history": cloud_api_message.history,
    "state_sync": cloud_api_people.state_sync,
    "user_preferences": cloud_api_people.preference,
    "user_id_update": cloud_api_people.user_id_update,
    "errors": _error,
}
