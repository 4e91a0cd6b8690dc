"""Payloads of every gateway that grow in the number of their parts."""

from collections.abc import Iterator
from typing import Any

from tests.laws.gateway_messages import (
    build_baileys_event,
    build_cloud_message,
    build_cloud_webhook,
    build_jid,
    build_key,
    build_number,
    build_proto_message,
    build_web_message,
)
from tests.laws.growing import Growth

MOST_PARTS = 2_048


def _build_status(n: int) -> dict[str, Any]:
    return {"id": f"wamid.{n}", "status": "read", "recipient_id": build_number(n)}


def _build_contact(n: int) -> dict[str, Any]:
    return {"wa_id": build_number(n), "profile": {"name": "Ana"}}


def _build_shared_contact(n: int, contact: dict[str, Any], **entry: Any) -> dict[str, Any]:
    messages = [build_cloud_message(1, id=f"wamid.{index}") for index in range(n)]
    return build_cloud_webhook(
        {"messages": messages, "contacts": [_build_contact(1) | contact]}, **entry
    )


def _build_long_text(n: int) -> str:
    return "é1" * (50 * n)


_PARTS_OF_CLOUD: dict[str, Growth] = {
    "messages": lambda n: build_cloud_webhook(
        {"messages": [build_cloud_message(index) for index in range(n)]}
    ),
    "messages and contacts": lambda n: build_cloud_webhook(
        {
            "messages": [build_cloud_message(p) for p in range(n)],
            "contacts": [_build_contact(p) for p in range(n)],
        }
    ),
    "statuses and contacts": lambda n: build_cloud_webhook(
        {
            "statuses": [_build_status(p) for p in range(n)],
            "contacts": [_build_contact(p) for p in range(n)],
        }
    ),
    "messages of nobody, and contacts": lambda n: build_cloud_webhook(
        {
            "messages": [build_cloud_message(p) for p in range(n)],
            "contacts": [_build_contact(-1)] * n,
        }
    ),
    "messages and keys of a contact": lambda n: _build_shared_contact(
        n, {f"name{index}": 1 for index in range(10 * n)}
    ),
    "messages and a long contact": lambda n: _build_shared_contact(
        n,
        {
            "profile": {"name": _build_long_text(n)},
            "user_id": _build_long_text(n),
            "x": _build_long_text(n),
        },
    ),
    "messages and a long time": lambda n: _build_shared_contact(n, {}, time=_build_long_text(n)),
    "messages and a long number": lambda n: build_cloud_webhook(
        {
            "messages": [build_cloud_message(index) for index in range(n)],
            "metadata": {"display_phone_number": _build_long_text(n)},
        }
    ),
    "threads": lambda n: build_cloud_webhook(
        {
            "history": [
                {"threads": [{"id": build_number(p), "messages": [build_cloud_message(p)]}]}
                for p in range(n)
            ],
            "metadata": {"display_phone_number": _build_long_text(n)},
        }
    ),
    "entries": lambda n: {
        "entry": build_cloud_webhook({"statuses": [_build_status(1)]})["entry"] * n
    },
    "standby": lambda n: build_cloud_webhook(
        {
            "contacts": [_build_contact(index) for index in range(n)],
            "standby": {"messages": [build_cloud_message(index) for index in range(n)]},
        }
    ),
}


def _build_votes(n: int) -> list[Any]:
    return [
        {"pollUpdateMessageKey": build_key(index), "vote": {"selectedOptions": ["x"]}}
        for index in range(n)
    ]


_SUMMARY: Growth = lambda n: [{"name": "x", "voters": [f"{index}@lid" for index in range(n)]}]  # noqa: E731
_GROUP = {"remoteJid": "120363000000000001@g.us", "participant": "5@lid"}
_PARTS_OF_BAILEYS: dict[str, Growth] = {
    "messages": lambda n: build_baileys_event(
        "messages.upsert", [build_proto_message({"conversation": "x"}, p) for p in range(n)]
    ),
    "updates": lambda n: build_baileys_event(
        "messages.update",
        [{"key": build_key(p, fromMe=True), "update": {"status": 3}} for p in range(n)],
    ),
    "receipts": lambda n: build_baileys_event(
        "message-receipt.update",
        [
            {"key": build_key(p), "receipt": {"userJid": build_jid(p), "readTimestamp": 1}}
            for p in range(n)
        ],
    ),
    "reactions": lambda n: build_baileys_event(
        "messages.reaction",
        [{"key": build_key(p), "reaction": {"key": build_key(p), "text": "x"}} for p in range(n)],
    ),
    "people": lambda n: build_baileys_event(
        "contacts.upsert", [{"id": f"{p}@lid", "phoneNumber": build_jid(p)} for p in range(n)]
    ),
    "deletions": lambda n: build_baileys_event(
        "messages.delete", {"keys": [build_key(p) for p in range(n)]}
    ),
    "calls": lambda n: build_baileys_event(
        "call", [{"id": f"c{p}", "from": build_jid(p), "status": "timeout"} for p in range(n)]
    ),
    "votes": lambda n: build_baileys_event(
        "messages.update", [{"key": build_key(1), "update": {"pollUpdates": _build_votes(n)}}]
    ),
    "votes beside their key": lambda n: build_baileys_event(
        "messages.update", {**build_key(1), "pollUpdates": _build_votes(n)}
    ),
    "voters": lambda n: build_baileys_event(
        "messages.update",
        {
            "key": build_key(1, **_GROUP),
            "update": {"pollUpdates": _SUMMARY(n), "pushName": _build_long_text(n)},
        },
    ),
    "voters of a long option": lambda n: build_baileys_event(
        "messages.update",
        {
            "key": build_key(1, **_GROUP),
            "update": {"pollUpdates": [{**_SUMMARY(n)[0], "name": _build_long_text(n)}]},
        },
    ),
    "sums of a vote": lambda n: build_baileys_event(
        "messages.upsert",
        {
            **build_proto_message({"pollUpdateMessage": {"x": 1}}),
            "key": build_key(1, **_GROUP),
            "pollUpdates": _SUMMARY(n),
        },
    ),
    "causes": lambda n: build_baileys_event(
        "messages.update",
        {"key": build_key(1), "update": {"status": 0, "messageStubParameters": ["x"] * n}},
    ),
}
_EVENTS = ("messages.upsert", "messages-upsert")


def _build_receipts(n: int) -> dict[str, Any]:
    receipt = {
        "Chat": build_jid(1),
        "Sender": _build_long_text(n),
        "SenderAlt": _build_long_text(n),
        "Timestamp": _build_long_text(n),
    }
    ids = [f"3EB0{index}" for index in range(n)]
    return {"event": "Receipt", "data": {**receipt, "MessageIDs": ids, "Type": "read-self"}}


def _build_channel_messages(n: int) -> dict[str, Any]:
    contents: list[tuple[str, dict[str, Any]]] = [
        ("imageMessage", {"mediaUrl": "https://x.br/a", "quoted": build_key(1)}),
        ("listMessage", {"title": "x"}),
        ("buttonMessage", {"title": "x", "buttons": [{"displayText": "x"}]}),
    ]
    messages = [
        {**build_proto_message(content, p), "messageType": kind}
        for p in range(n)
        for kind, content in [contents[p % 3]]
    ]
    return build_baileys_event("messages.upsert", messages)


PARTS: dict[str, dict[str, Growth]] = {
    "cloud-api": _PARTS_OF_CLOUD,
    "baileys": _PARTS_OF_BAILEYS
    | {"events": lambda n: {_EVENTS[p % 2] + " " * (p // 2): [] for p in range(min(n, 600))}},
    # The rest has the same translators.
    "evolution": {kind: _PARTS_OF_BAILEYS[kind] for kind in ("messages", "people", "voters")}
    | {"messages of its own channel": _build_channel_messages},
    "evolution-go": {"receipts": _build_receipts},
    "whatsapp-web-js": {
        "messages": lambda n: {
            "event": "message",
            "data": {"messages": [build_web_message({}, index) for index in range(n)]},
            "body": _build_long_text(n),
            "timestamp": _build_long_text(n),
            **{f"name{index}": 1 for index in range(10 * n)},
        }
    },
}


def grow_parts() -> Iterator[tuple[str, str, Growth]]:
    """Yield each kind of growth in the parts of a payload, and in the members that they share."""
    for gateway, kinds in PARTS.items():
        for kind, grown in kinds.items():
            yield gateway, f"{gateway}: {kind}", grown
