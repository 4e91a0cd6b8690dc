"""What the tables of valid payloads share: their types, and the people in them."""

from collections.abc import Callable

from pydantic import JsonValue

Payload = dict[str, JsonValue]
Kinds = dict[str, Callable[[str], Payload]]  # by kind: builds a payload with a message id

TIME = 1_760_000_000  # seconds since 1970: 2025-10-09T08:53:20Z
NUMBER = "5511990000001"
JID = f"{NUMBER}@s.whatsapp.net"
WEB_JID = f"{NUMBER}@c.us"
OWN_WEB_JID = "5511990000099@c.us"
GROUP = "120363000000000001@g.us"
