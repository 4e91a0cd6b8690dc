"""The kinds of messages that no person wrote, by gateway: only these are ignored.

The table in docs/gateways.md is printed by `python -m shared.gateways.closed_lists`.
"""

import sys
from collections.abc import Iterator, Mapping

from shared.gateways.cloud_api.content import NOT_WRITTEN as CLOUD_API
from shared.gateways.normalize.placeholders import NotWritten
from shared.gateways.proto_message.content import VOTE_WITHDRAWN
from shared.gateways.proto_message.invisible_content import (
    NOT_WRITTEN,
    NOT_WRITTEN_STUBS,
    POLL_OPTION,
)
from shared.gateways.whatsapp_web.not_written import CALL_NOTICE
from shared.gateways.whatsapp_web.not_written import NOT_WRITTEN as WEB_TYPES

_STUBS = {f"messageStubType {name}": kind for name, kind in NOT_WRITTEN_STUBS.items()}
_PROTO = {
    **NOT_WRITTEN,
    "secretEncryptedMessage of a poll": POLL_OPTION,
    "pollUpdateMessage without a choice": VOTE_WITHDRAWN,
    **_STUBS,
}
_WEB = {**WEB_TYPES, "call_log": CALL_NOTICE, "vote without a choice": VOTE_WITHDRAWN}

CLOSED_LISTS: Mapping[str, Mapping[str, NotWritten]] = {
    "baileys": _PROTO,
    "cloud-api": CLOUD_API,
    "evolution": _PROTO,
    "evolution-go": _PROTO,
    "waha": {**_PROTO, **_WEB},
    "whatsapp-web-js": _WEB,
    "wppconnect": _WEB,
}


def format_table() -> str:
    """Return the lists as a table in Markdown, a line for each reason and group of gateways."""
    header = ("| gateways | kind | reason | what it is |", "|---|---|---|---|")
    return "\n".join((*header, *_format_rows()))


def _format_rows() -> Iterator[str]:
    kinds = dict.fromkeys(
        (name, kind) for listed in CLOSED_LISTS.values() for name, kind in listed.items()
    )
    rows: dict[tuple[str, NotWritten], list[str]] = {}
    for name, kind in kinds:
        gateways = ", ".join(g for g, listed in CLOSED_LISTS.items() if listed.get(name) == kind)
        rows.setdefault((gateways, kind), []).append(f"`{name}`")
    for (gateways, kind), names in sorted(rows.items(), key=lambda row: row[0][0]):
        yield f"| {gateways} | {', '.join(names)} | `{kind.reason}` | {kind.why} |"


if __name__ == "__main__":
    sys.stdout.write(f"{format_table()}\n")
