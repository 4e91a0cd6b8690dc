"""Messages whose content cannot be shown, and kinds of messages that no person wrote.

What a person sent is never ignored: without a readable content it becomes a placeholder. What is
ignored is on a closed list per gateway (docs/gateways.md), with the reason of each kind.
"""

from dataclasses import dataclass

from shared.contracts.message import PLACEHOLDERS
from shared.gateways.normalize.outcome import TypeAndBody

# As the media type and the body of a message
UNSUPPORTED: TypeAndBody = ("unsupported", "")
UNDECRYPTABLE: TypeAndBody = ("undecryptable", "")
VIEW_ONCE: TypeAndBody = ("view_once", "")


@dataclass(frozen=True, slots=True)
class NotWritten:
    """A kind of message that no person wrote: `reason` is in kebab-case, `why` a sentence."""

    reason: str
    why: str


def is_placeholder(media_type: str) -> bool:
    """Return whether a media type says that the content cannot be shown."""
    return media_type in PLACEHOLDERS
