"""Answers of customers to the question whether the business may call them."""

from shared.gateways.normalize.json_values import JsonObject, read_flag, read_text

# Names of the answer: in a webhook of Meta, and in the message itself.
PERMISSIONS = frozenset({"call_permission_reply", "call_permission_request"})
_ANSWERS = {"accept": "accepted", "reject": "rejected"}


def format_permission(reply: JsonObject) -> str:
    """Return the answer in `{response, is_permanent}` in words; '' if it is another one."""
    answer = _ANSWERS.get(read_text(reply, "response").strip().lower())
    if answer is None:
        return ""
    suffix = " (permanent)" if read_flag(reply, "is_permanent") else ""
    return f"Call permission: {answer}{suffix}"
