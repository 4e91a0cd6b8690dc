"""Webhooks of the Cloud API: the envelope, and the tables of fields and their translators.

Entries, changes and messages are arrays. A new member of a change goes into `_TRANSLATORS`, a new
webhook field into `_CHAT_FIELDS`, or into `_IGNORED_FIELDS` if it has no effect.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from pydantic import JsonValue

from shared.gateways.cloud_api.calls import translate_call
from shared.gateways.cloud_api.chat import Change, list_parts
from shared.gateways.cloud_api.contact_updates import (
    translate_preference,
    translate_state_sync,
    translate_user_id_update,
)
from shared.gateways.cloud_api.messages import (
    read_error_code,
    translate_echo,
    translate_message,
)
from shared.gateways.cloud_api.statuses import translate_status
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import (
    LONGEST_DETAIL,
    Ignored,
    PartOutcome,
    Translation,
    Unreadable,
    build_translation,
    yield_or_default,
)

# About the account, or the messages from before the line was connected, which are no traffic: an
# old message must not open a ticket. The reason is the field's name with hyphens.
_IGNORED_FIELDS = frozenset(
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
        "history",
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
_CHAT_FIELDS = frozenset(
    {
        "calls",
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
    """Translate one payload; never raises, whatever it holds."""
    webhooks = payload if isinstance(payload, list) else [payload]
    return build_translation(
        part for webhook in webhooks for part in _translate_webhook(webhook, line)
    )


def _translate_webhook(webhook: JsonValue, line: Line) -> Iterator[PartOutcome]:
    if not isinstance(webhook, dict):
        yield Unreadable("the payload is not an object")
    elif (product := read_text(webhook, "object")) in _OTHER_PRODUCTS:
        yield Ignored("other-product", product)
    elif "entry" in webhook:
        entries = list_parts(webhook, "entry")
        for entry in entries:
            yield from _translate_entry(entry, line)
        if not entries:
            yield Ignored("empty-batch", "entry")
    else:
        yield from _translate_without_envelope(webhook, line)


def _translate_without_envelope(webhook: JsonObject, line: Line) -> Iterator[PartOutcome]:
    recipient = read_text(webhook, "to", "recipient")
    if recipient and read_text(webhook, "messaging_product") and read_text(webhook, "type"):
        yield Ignored("outgoing-request", read_text(webhook, "type")[:LONGEST_DETAIL])
    elif read_text(webhook, "field") and isinstance(webhook.get("value"), dict):
        # The form of the samples in the App Dashboard
        yield from _translate_change(webhook, line, {})
    elif any(isinstance(webhook.get(name), list) for name in _TRANSLATORS):
        outcomes = _translate_parts(Change(line, webhook))
        yield from yield_or_default(outcomes, lambda: Unreadable("the payload has no entry"))
    else:
        yield Unreadable("the payload has no entry")


def _translate_entry(entry: JsonValue, line: Line) -> Iterator[PartOutcome]:
    if not isinstance(entry, dict) or "changes" not in entry:
        yield Unreadable("an entry has no changes")
        return
    changes = list_parts(entry, "changes")
    for change in changes:
        yield from _translate_change(change, line, entry)
    if not changes:
        yield Ignored("empty-batch", "changes")


def _translate_change(change: JsonValue, line: Line, entry: JsonObject) -> Iterator[PartOutcome]:
    if not isinstance(change, dict):
        yield Unreadable("a change is not an object")
        return
    field, value = read_text(change, "field").strip().lower(), change.get("value")
    members = value if isinstance(value, dict) else {}
    if field in _IGNORED_FIELDS:
        yield Ignored(field.replace("_", "-"), read_text(members, "event")[:LONGEST_DETAIL])
    elif number_id := _find_other_number(members, line):
        yield Unreadable(
            f"it is about phone number id {number_id}, which is not registered for this line in "
            '"GatewayConnections"; correct the row or the callback address, then replay',
            "tenant-mismatch",
        )
    elif members or (field and field not in _CHAT_FIELDS):
        outcomes = _translate_parts(
            Change(line, members, field, entry.get("time"), entry.get("id"))
        )
        yield from yield_or_default(outcomes, lambda: _explain_empty_change(field, members))
    else:
        yield Unreadable("the value of a change is not an object")


def _find_other_number(members: JsonObject, line: Line) -> str | None:
    """Return the phone number id of a change if the line is registered with another one."""
    number_id = read_text(read_object(members, "metadata"), "phone_number_id")
    is_other = line.instances and number_id and number_id not in line.instances
    return number_id if is_other else None


def _translate_parts(change: Change) -> Iterator[PartOutcome]:
    for name, translate_part in _TRANSLATORS.items():
        for part in list_parts(change.value, name):
            yield from translate_part(change, part)
    # While Meta's AI agent answers a chat, messages are nested one level deeper.
    if standby := read_object(change.value, "standby"):
        shared = {name: change.value.get(name) for name in ("metadata", "contacts")}
        yield from _translate_parts(replace(change, value={**shared, **standby, "standby": None}))


def _explain_empty_change(field: str, value: JsonObject) -> Ignored | Unreadable:
    others = " ".join(sorted(value.keys() - _ENVELOPE - _TRANSLATORS.keys()))
    if field not in _CHAT_FIELDS:
        return Ignored("unknown-event", field[:LONGEST_DETAIL]) if field else Unreadable("no field")
    if others:
        return Ignored("unknown-event", f"{field} {others}"[:LONGEST_DETAIL])
    return Ignored("empty-batch", field)


def _translate_error(_: Change, error: JsonValue) -> Iterator[PartOutcome]:
    yield Ignored("gateway-error", read_error_code(error) or "")


def _ignore_history(_: Change, __: JsonValue) -> Iterator[PartOutcome]:
    yield Ignored("history")  # without an envelope; otherwise the field is ignored


_TRANSLATORS: dict[str, Callable[[Change, JsonValue], Iterator[PartOutcome]]] = {
    "messages": translate_message,
    "message_echoes": translate_echo,
    "statuses": translate_status,
    "calls": translate_call,
    "history": _ignore_history,
    "state_sync": translate_state_sync,
    "user_preferences": translate_preference,
    "user_id_update": translate_user_id_update,
    "errors": _translate_error,
}
