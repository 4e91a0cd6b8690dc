"""Payloads of every gateway that grow in one way each: in parts, names, texts, levels, choices."""

import json
from collections.abc import Callable, Iterator
from typing import Any

Grown = Callable[[int], Any]

RUNS: tuple[str, ...] = (
    "A",
    "a",
    "aA",
    "ABa",
    "_",
    "a_",
    "@",
    "a@",
    ".",
    "1",
    "+",
    " ",
    "\t",
    "\n",
    "\\",
    '"',
    "%5D",
)
RUNS = (*RUNS, "é", "\x00", "data:", "/9j/", "FN;", "TEL", "TEL:1\n", ";waid=1", "item1", "\r\n ")
LONGEST_TEXT, MOST_ITEMS, MOST_PARTS = 65_536, 4_096, 2_048


def number(n: int) -> str:
    return str(5_511_990_000_000 + n)


def jid(n: int) -> str:
    return f"{number(n)}@s.whatsapp.net"


def key(n: int, **more: Any) -> dict[str, Any]:
    return {"remoteJid": jid(n), "fromMe": False, "id": f"3EB0{n}", **more}


def of_baileys(event: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"event": event, "instance": "loja", "server_url": "", "data": data, **more}


def of_proto(message: Any, n: int = 1) -> dict[str, Any]:
    return {"key": key(n), "pushName": "Ana", "message": message, "messageTimestamp": 1790000000}


def baileys(message: dict[str, Any]) -> dict[str, Any]:
    return of_baileys("messages.upsert", of_proto(message))


def evolution_go(message: dict[str, Any], **info: Any) -> dict[str, Any]:
    told = {"ID": "3EB01", "Chat": jid(1), "Sender": jid(1), "Timestamp": 1790000000, **info}
    return {"event": "Message", "data": {"Info": told, "Message": message}}


def waha_of_gows(message: dict[str, Any]) -> dict[str, Any]:
    raw = {"Info": {"ID": "3EB01", "Chat": jid(1)}, "Message": message}
    return waha({"_data": raw})


def waha(members: dict[str, Any]) -> dict[str, Any]:
    told = {"id": f"false_{number(1)}@c.us_3EB01", "from": f"{number(1)}@c.us", "body": "Oi"}
    return {"event": "message", "session": "loja", "payload": told | members, "me": {}}


def of_web(members: dict[str, Any], n: int = 1) -> dict[str, Any]:
    told = {"id": {"_serialized": f"false_{number(n)}@c.us_3EB0{n}"}, "from": f"{number(n)}@c.us"}
    return {**told, "type": "chat", "body": "Oi", "timestamp": 1790000000, **members}


def web_js(members: dict[str, Any]) -> dict[str, Any]:
    return {"event": "message", "data": of_web(members)}


def wppconnect(members: dict[str, Any]) -> dict[str, Any]:
    return {"event": "onmessage", "session": "loja", **of_web(members)}


def of_cloud(value: Any, **entry: Any) -> dict[str, Any]:
    changes = [{"field": "messages", "value": value}]
    return {"object": "whatsapp_business_account", "entry": [{"changes": changes, **entry}]}


def of_meta(n: int, **members: Any) -> dict[str, Any]:
    told = {"from": number(n), "id": f"wamid.{n}", "timestamp": "1790000000", "type": "text"}
    return {**told, "text": {"body": "Oi"}, **members}


def cloud(members: dict[str, Any]) -> dict[str, Any]:
    return of_cloud({"messages": [of_meta(1, **members)]})


# One message, with members beside or inside its content.
FORMS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "baileys": ("baileys", baileys),
    "evolution": ("evolution", baileys),
    "evolution-go": ("evolution-go", evolution_go),
    "waha": ("waha", waha),
    "waha of GOWS": ("waha", waha_of_gows),
    "whatsapp-web-js": ("whatsapp-web-js", web_js),
    "wppconnect": ("wppconnect", wppconnect),
    "cloud-api": ("cloud-api", cloud),
}


def _many(item: Any) -> Grown:
    return lambda n: [item] * n


def _nested(n: int) -> Any:
    found: Any = 1
    for _ in range(n % 900):
        found = {"a": found, "b": [found]} if isinstance(found, int) else {"a": found}
    return [found] * max(1, n // 900)


def _json_in_json(levels: int) -> str:
    written = "{}"
    for _ in range(levels):
        written = json.dumps({"aJson": written})
    return written


# What grows in a member that no reader knows, and in those that all do.
MEMBERS: dict[str, Grown] = {
    "names": lambda n: {f"name{place}": 1 for place in range(n)},
    "names in capitals": lambda n: {f"A{place}AB": {"AB": 1} for place in range(n)},
    "secret names": lambda n: {f"a{place}token": 1 for place in range(n)},
    "bytes": lambda n: {"x": {str(place): 1 for place in range(n)}},
    "mentions": lambda n: {"contextInfo": {"mentionedJid": [jid(1)] * n}, "mentionedJids": [1] * n},
    "reactions": lambda n: {"reactions": [{"text": "x", "key": key(1)}] * n},
    "depth": lambda n: {"x": _nested(n)},
    "texts in JSON texts": lambda n: {"x": [{"aJson": _json_in_json(3)}] * n},
    "depth of JSON texts": lambda n: {"aJson": _json_in_json(n.bit_length())},
}


def _wrapped(n: int) -> Any:
    found: Any = {"conversation": "x"}
    for _ in range(n % 300):
        found = {"viewOnceMessage": {"message": found}}
    return found


_CARD = {"displayName": "Ana", "vcard": "BEGIN:VCARD\nFN:Ana\nTEL;waid=1:+1\nEND:VCARD"}
_ROWS: Grown = lambda n: {"sections": [{"rows": [{"title": "x"}] * n}] * 2}  # noqa: E731
PROTO: dict[str, Grown] = {
    "cards": lambda n: {"contactsArrayMessage": {"contacts": [_CARD] * n}},
    "lines of a card": lambda n: {"contactMessage": {"vcard": "TEL:1\nFN;\n" * n}},
    "buttons": lambda n: {
        "buttonsMessage": {"buttons": [{"buttonText": {"displayText": "x"}}] * n}
    },
    "buttons of templates": lambda n: {
        "templateMessage": {"hydratedTemplate": {"hydratedButtons": [{}] * n}}
    },
    "rows": lambda n: {"listMessage": _ROWS(n)},
    "options": lambda n: {"pollCreationMessage": {"options": [{"optionName": "x"}] * n}},
    "pictures with buttons": lambda n: {
        "interactiveMessage": {"carouselMessage": {"cards": [{"header": {"title": "x"}}] * n}}
    },
    "ways to pay": lambda n: {
        "interactiveMessage": {
            "nativeFlowMessage": {
                "buttons": [{"buttonParamsJson": '{"payment_settings":[{},{}]}'}] * n
            }
        }
    },
    "chosen options": lambda n: {"pollUpdateMessage": {"vote": {"selectedOptions": ["x"] * n}}},
    "wrappers": _wrapped,
}
WEB: dict[str, Grown] = {
    "options": lambda n: {"type": "poll_creation", "pollOptions": [{"name": "x"}] * n},
    "rows": lambda n: {"type": "list", "body": "", "list": _ROWS(n)},
    "cards": lambda n: {"type": "multi_vcard", "vcardList": [_CARD] * n},
    "bare cards": lambda n: {"type": "multi_vcard", "vCards": [_CARD["vcard"]] * n},
    "texts": lambda n: {"x": ["Oi", "/9j/"] * n},
}
CLOUD: dict[str, Grown] = {
    "cards": lambda n: {"type": "contacts", "contacts": [{"phones": [{"phone": "1"}]}] * n},
    "telephones": lambda n: {"type": "contacts", "contacts": [{"phones": [{"phone": "1"}] * n}]},
    "products": lambda n: {"type": "order", "order": {"product_items": [{"name": "x"}] * n}},
    "rows": lambda n: {"type": "interactive", "interactive": {"type": "list", "action": _ROWS(n)}},
    "answers": lambda n: {
        "type": "interactive",
        "interactive": {
            "type": "nfm_reply",
            "nfm_reply": {"response_json": json.dumps({f"a{place}": "x" for place in range(n)})},
        },
    },
    "errors": lambda n: {"errors": [{"code": 1}] * n},
}
CHOICES = {"baileys": PROTO, "evolution": PROTO, "evolution-go": PROTO, "waha of GOWS": PROTO}
CHOICES |= {"waha": WEB, "whatsapp-web-js": WEB, "wppconnect": WEB, "cloud-api": CLOUD}


def of_one_message() -> Iterator[tuple[str, str, Grown]]:
    """Give each kind of growth inside one message, for each form of a message."""
    for form, (gateway, build) in FORMS.items():
        for kind, grown in (MEMBERS | CHOICES[form]).items():
            yield gateway, f"{form}: {kind}", lambda n, b=build, g=grown: b(g(n))  # type: ignore[misc]


def texts(run: str) -> Iterator[tuple[str, str, Grown]]:
    """Give each form with one long text of this run in all places where a text is read."""

    def ending(n: int) -> str:
        return run * (n // len(run)) + "!"

    for gateway in ("baileys", "evolution"):
        yield gateway, gateway, lambda n: of_baileys("messages.upsert", _long_proto(ending(n)))
    yield (
        "evolution-go",
        "evolution-go",
        lambda n: evolution_go(
            {ending(n): 1, "conversation": ending(n)}, PushName=ending(n), Timestamp=ending(n)
        ),
    )
    yield "waha", "waha of GOWS", lambda n: waha_of_gows({ending(n): 1, "conversation": ending(n)})
    for gateway, build in (("waha", waha), ("whatsapp-web-js", web_js), ("wppconnect", wppconnect)):
        yield gateway, gateway, lambda n, b=build: b(_long_web(ending(n)))  # type: ignore[misc]
        yield gateway, f"{gateway}: id", lambda n, b=build: b({"id": ending(n)})  # type: ignore[misc]
    yield "cloud-api", "cloud-api", lambda n: _long_cloud(ending(n))


def _long_proto(said: str) -> list[Any]:
    beside = {"pushName": said, "messageTimestamp": said, said: 1, "participant": said}
    whole = [
        {**of_proto({"conversation": said}), **beside},
        of_proto({"contactMessage": {"vcard": said}}),
        of_proto({"documentMessage": {"mimetype": said, "fileName": said}, said: {"Aa": 1}}),
    ]
    keys = [{"id": said}, {"remoteJid": said}, {"remoteJidAlt": said}, {"participant": said}]
    return [*whole, *({**of_proto({"conversation": "x"}), "key": key(1) | more} for more in keys)]


def _long_web(said: str) -> dict[str, Any]:
    names = ("body", "caption", "notifyName", "timestamp", "author", "mimetype", "to", "chatId")
    return dict.fromkeys(names, said) | {said: 1, "quotedStanzaID": said, "x": said}


def _long_cloud(said: str) -> dict[str, Any]:
    messages = [
        of_meta(1, text={"body": said}, timestamp=said, x=said),
        of_meta(1, **{"from": said, said: 1}),
        of_meta(1, id=said, context={"id": said}),
        of_meta(1, type="contacts", contacts=[{"vcard": said}]),
        of_meta(1, type="location", location={"latitude": said, "longitude": said}),
        of_meta(1, type="order", order={"product_items": [{"item_price": said, "quantity": said}]}),
    ]
    contacts = [{"wa_id": number(1), "profile": {"name": said}}, {"user_id": said}]
    beside = {"contacts": contacts, "metadata": {"display_phone_number": said}}
    return of_cloud({"messages": messages, **beside}, time=said)


def _status(n: int) -> dict[str, Any]:
    return {"id": f"wamid.{n}", "status": "read", "recipient_id": number(n)}


def _person(n: int) -> dict[str, Any]:
    return {"wa_id": number(n), "profile": {"name": "Ana"}}


def _shared_by_meta(n: int, contact: dict[str, Any], **entry: Any) -> dict[str, Any]:
    messages = [of_meta(1, id=f"wamid.{place}") for place in range(n)]
    return of_cloud({"messages": messages, "contacts": [_person(1) | contact]}, **entry)


def _long(n: int) -> str:
    return "é1" * (50 * n)


_PARTS_OF_CLOUD: dict[str, Grown] = {
    "messages": lambda n: of_cloud({"messages": [of_meta(place) for place in range(n)]}),
    "messages and contacts": lambda n: of_cloud(
        {"messages": [of_meta(p) for p in range(n)], "contacts": [_person(p) for p in range(n)]}
    ),
    "statuses and contacts": lambda n: of_cloud(
        {"statuses": [_status(p) for p in range(n)], "contacts": [_person(p) for p in range(n)]}
    ),
    "messages of nobody, and contacts": lambda n: of_cloud(
        {"messages": [of_meta(p) for p in range(n)], "contacts": [_person(-1)] * n}
    ),
    "messages and keys of a contact": lambda n: _shared_by_meta(
        n, {f"name{place}": 1 for place in range(10 * n)}
    ),
    "messages and a long contact": lambda n: _shared_by_meta(
        n, {"profile": {"name": _long(n)}, "user_id": _long(n), "x": _long(n)}
    ),
    "messages and a long time": lambda n: _shared_by_meta(n, {}, time=_long(n)),
    "messages and a long number": lambda n: of_cloud(
        {
            "messages": [of_meta(place) for place in range(n)],
            "metadata": {"display_phone_number": _long(n)},
        }
    ),
    "threads": lambda n: of_cloud(
        {
            "history": [
                {"threads": [{"id": number(p), "messages": [of_meta(p)]}]} for p in range(n)
            ],
            "metadata": {"display_phone_number": _long(n)},
        }
    ),
    "entries": lambda n: {"entry": of_cloud({"statuses": [_status(1)]})["entry"] * n},
    "set aside": lambda n: of_cloud(
        {
            "contacts": [_person(place) for place in range(n)],
            "standby": {"messages": [of_meta(place) for place in range(n)]},
        }
    ),
}


def _votes(n: int) -> list[Any]:
    return [
        {"pollUpdateMessageKey": key(place), "vote": {"selectedOptions": ["x"]}}
        for place in range(n)
    ]


_SUM: Grown = lambda n: [{"name": "x", "voters": [f"{place}@lid" for place in range(n)]}]  # noqa: E731
_GROUP = {"remoteJid": "120363000000000001@g.us", "participant": "5@lid"}
_PARTS_OF_BAILEYS: dict[str, Grown] = {
    "messages": lambda n: of_baileys(
        "messages.upsert", [of_proto({"conversation": "x"}, p) for p in range(n)]
    ),
    "updates": lambda n: of_baileys(
        "messages.update", [{"key": key(p, fromMe=True), "update": {"status": 3}} for p in range(n)]
    ),
    "receipts": lambda n: of_baileys(
        "message-receipt.update",
        [{"key": key(p), "receipt": {"userJid": jid(p), "readTimestamp": 1}} for p in range(n)],
    ),
    "reactions": lambda n: of_baileys(
        "messages.reaction",
        [{"key": key(p), "reaction": {"key": key(p), "text": "x"}} for p in range(n)],
    ),
    "people": lambda n: of_baileys(
        "contacts.upsert", [{"id": f"{p}@lid", "phoneNumber": jid(p)} for p in range(n)]
    ),
    "deletions": lambda n: of_baileys("messages.delete", {"keys": [key(p) for p in range(n)]}),
    "calls": lambda n: of_baileys(
        "call", [{"id": f"c{p}", "from": jid(p), "status": "timeout"} for p in range(n)]
    ),
    "votes": lambda n: of_baileys(
        "messages.update", [{"key": key(1), "update": {"pollUpdates": _votes(n)}}]
    ),
    "votes beside their key": lambda n: of_baileys(
        "messages.update", {**key(1), "pollUpdates": _votes(n)}
    ),
    "voters": lambda n: of_baileys(
        "messages.update",
        {"key": key(1, **_GROUP), "update": {"pollUpdates": _SUM(n), "pushName": _long(n)}},
    ),
    "voters of a long option": lambda n: of_baileys(
        "messages.update",
        {"key": key(1, **_GROUP), "update": {"pollUpdates": [{**_SUM(n)[0], "name": _long(n)}]}},
    ),
    "sums of a vote": lambda n: of_baileys(
        "messages.upsert",
        {
            **of_proto({"pollUpdateMessage": {"x": 1}}),
            "key": key(1, **_GROUP),
            "pollUpdates": _SUM(n),
        },
    ),
    "causes": lambda n: of_baileys(
        "messages.update",
        {"key": key(1), "update": {"status": 0, "messageStubParameters": ["x"] * n}},
    ),
}
_EVENTS = ("messages.upsert", "messages-upsert")


def _receipts(n: int) -> dict[str, Any]:
    told = {"Chat": jid(1), "Sender": _long(n), "SenderAlt": _long(n), "Timestamp": _long(n)}
    ids = [f"3EB0{place}" for place in range(n)]
    return {"event": "Receipt", "data": {**told, "MessageIDs": ids, "Type": "read-self"}}


PARTS: dict[str, dict[str, Grown]] = {
    "cloud-api": _PARTS_OF_CLOUD,
    "baileys": _PARTS_OF_BAILEYS
    | {"events": lambda n: {_EVENTS[p % 2] + " " * (p // 2): [] for p in range(min(n, 600))}},
    # The rest is read by the same readers.
    "evolution": {kind: _PARTS_OF_BAILEYS[kind] for kind in ("messages", "people", "voters")},
    "evolution-go": {"receipts": _receipts},
    "whatsapp-web-js": {
        "messages": lambda n: {
            "event": "message",
            "data": {"messages": [of_web({}, place) for place in range(n)]},
            "body": _long(n),
            "timestamp": _long(n),
            **{f"name{place}": 1 for place in range(10 * n)},
        }
    },
}


def of_parts() -> Iterator[tuple[str, str, Grown]]:
    """Give each kind of growth in the parts of a payload, and in what they share."""
    for gateway, kinds in PARTS.items():
        for kind, grown in kinds.items():
            yield gateway, f"{gateway}: {kind}", grown
