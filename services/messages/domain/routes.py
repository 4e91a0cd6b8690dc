"""How a chat of a line is reached: by which gateway, and whether free text may be sent now."""

from dataclasses import dataclass

from shared.contracts.message_content import ChangeKind
from shared.gateways.senders.registry import SENDERS

OUTSIDE_WINDOW, GATEWAY_CANNOT = "outside-window", "gateway-cannot"
TEXT_TOO_LONG = "text-too-long"
META_TEXT, META_CAPTION = 4_096, 1_024  # characters, the limits of the Cloud API


@dataclass(frozen=True, slots=True)
class Route:
    """The gateway of a line, None if none is registered, and the state of a chat's window.

    `is_window_open` is true if the gateway is Meta's and the customer wrote on the line within the
    last 24 hours, by the time of their message and the clock of the database.
    """

    gateway: str | None
    is_window_open: bool

    @property
    def is_official(self) -> bool:
        """Whether the gateway is Meta's own."""
        return self.gateway in SENDERS and SENDERS[self.gateway].is_official

    @property
    def takes_free_text(self) -> bool:
        """Whether something else than a template, a reaction or a receipt may be sent now."""
        return self.is_window_open or not self.is_official

    def takes_text(self, body: str, *, is_caption: bool) -> bool:
        """Return whether the gateway delivers a text, or the caption of a file, whole."""
        return not self.is_official or len(body) <= (META_CAPTION if is_caption else META_TEXT)

    def can(self, kind: ChangeKind) -> bool:
        """Return whether the gateway can change messages so; of others than ours it is unknown."""
        return self.gateway not in SENDERS or kind in SENDERS[self.gateway].changes


NO_ROUTE = Route(None, is_window_open=False)
