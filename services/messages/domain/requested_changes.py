"""A change of a message that a user asked for, as "Sends".change keeps it."""

import json
from dataclasses import asdict, dataclass

from shared.contracts.message_content import ChangeKind


@dataclass(frozen=True, slots=True)
class RequestedChange:
    """A change of the stored message `message_id`; `text` is the new text, or the emoji.

    `answered` is the status of the send in the last answer to the request, empty before the first.
    """

    kind: ChangeKind
    request_id: str
    chat: str
    message_id: int
    wid: str
    text: str = ""
    answered: str = ""


def encode_change(change: RequestedChange) -> str:
    """Return a change as JSON."""
    return json.dumps(asdict(change))


def decode_change(text: str) -> RequestedChange:
    """Return the change that `encode_change` has encoded."""
    members = json.loads(text)
    return RequestedChange(**{**members, "kind": ChangeKind(members["kind"])})
