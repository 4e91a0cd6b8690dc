"""Messages of every gateway that grow in one way each: in names, texts, levels or choices."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.laws.gateway_messages import (
    FORMS,
    build_baileys_event,
    build_cloud_message,
    build_cloud_webhook,
    build_evolution_go_message,
    build_gows_message,
    build_jid,
    build_key,
    build_number,
    build_proto_message,
    build_waha_message,
    build_web_js_event,
    build_wppconnect_event,
)

Growth = Callable[[int], Any]

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
RUNS = (*RUNS, "=C3=", "FN;QUOTED-PRINTABLE:=\n")
LONGEST_TEXT, MOST_ITEMS = 65_536, 4_096


def _repeat(item: Any) -> Growth:
    return lambda n: [item] * n


def _nest(n: int) -> Any:
    nested: Any = 1
    for _ in range(n % 900):
        nested = {"a": nested, "b": [nested]} if isinstance(nested, int) else {"a": nested}
    return [nested] * max(1, n // 900)


def _nest_json(levels: int) -> str:
    json_text = "{}"
    for _ in range(levels):
        json_text = json.dumps({"aJson": json_text})
    return json_text


# Growth in members that no translator reads, and in those that all read.
MEMBERS: dict[str, Growth] = {
    "names": lambda n: {f"name{index}": 1 for index in range(n)},
    "names in capitals": lambda n: {f"A{index}AB": {"AB": 1} for index in range(n)},
    "secret names": lambda n: {f"a{index}token": 1 for index in range(n)},
    "bytes": lambda n: {"x": {str(index): 1 for index in range(n)}},
    "mentions": lambda n: {
        "contextInfo": {"mentionedJid": [build_jid(1)] * n},
        "mentionedJids": [1] * n,
    },
    "reactions": lambda n: {"reactions": [{"text": "x", "key": build_key(1)}] * n},
    "depth": lambda n: {"x": _nest(n)},
    "texts in JSON texts": lambda n: {"x": [{"aJson": _nest_json(3)}] * n},
    "depth of JSON texts": lambda n: {"aJson": _nest_json(n.bit_length())},
}


def _wrap(n: int) -> Any:
    nested: Any = {"conversation": "x"}
    for _ in range(n % 300):
        nested = {"viewOnceMessage": {"message": nested}}
    return nested


_CARD = {"displayName": "Ana", "vcard": "BEGIN:VCARD\nFN:Ana\nTEL;waid=1:+1\nEND:VCARD"}
_ROWS: Growth = lambda n: {"sections": [{"rows": [{"title": "x"}] * n}] * 2}  # noqa: E731


def _build_answers(n: int) -> str:
    return json.dumps({f"a{index}": ["x"] for index in range(n)})


PROTO: dict[str, Growth] = {
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
    "rows of native flows": lambda n: {
        "interactiveMessage": {
            "nativeFlowMessage": {"buttons": [{"buttonParamsJson": json.dumps(_ROWS(8))}] * n}
        }
    },
    "answers": lambda n: {
        "interactiveResponseMessage": {
            "nativeFlowResponseMessage": {"name": "flow", "paramsJson": _build_answers(n)}
        }
    },
    "soft line breaks": lambda n: {
        "contactMessage": {"vcard": "FN;ENCODING=QUOTED-PRINTABLE:" + "=C3=\n=A3=\n" * n}
    },
    "folded encodings": lambda n: {
        "contactMessage": {"vcard": "FN" + ";QUOTED-PRINTABLE\n " * n + ":x"}
    },
    "chosen options": lambda n: {"pollUpdateMessage": {"vote": {"selectedOptions": ["x"] * n}}},
    "wrappers": _wrap,
}
WEB: dict[str, Growth] = {
    "options": lambda n: {"type": "poll_creation", "pollOptions": [{"name": "x"}] * n},
    "rows": lambda n: {"type": "list", "body": "", "list": _ROWS(n)},
    "cards": lambda n: {"type": "multi_vcard", "vcardList": [_CARD] * n},
    "bare cards": lambda n: {"type": "multi_vcard", "vCards": [_CARD["vcard"]] * n},
    "texts": lambda n: {"x": ["Oi", "/9j/"] * n},
    "labels": lambda n: {"type": "buttons", "replyButtons": [{"text": "x"}] * n},
    "answers": lambda n: {
        "type": "interactive_response",
        "interactivePayload": {"name": "flow", "paramsJson": _build_answers(n)},
    },
}
CLOUD: dict[str, Growth] = {
    "cards": lambda n: {"type": "contacts", "contacts": [{"phones": [{"phone": "1"}]}] * n},
    "telephones": lambda n: {"type": "contacts", "contacts": [{"phones": [{"phone": "1"}] * n}]},
    "products": lambda n: {"type": "order", "order": {"product_items": [{"name": "x"}] * n}},
    "rows": lambda n: {"type": "interactive", "interactive": {"type": "list", "action": _ROWS(n)}},
    "answers": lambda n: {
        "type": "interactive",
        "interactive": {
            "type": "nfm_reply",
            "nfm_reply": {"response_json": _build_answers(n)},
        },
    },
    "errors": lambda n: {"errors": [{"code": 1}] * n},
}
CHOICES = {"baileys": PROTO, "evolution": PROTO, "evolution-go": PROTO, "waha of GOWS": PROTO}
CHOICES |= {"waha": WEB, "whatsapp-web-js": WEB, "wppconnect": WEB, "cloud-api": CLOUD}


def grow_one_message() -> Iterator[tuple[str, str, Growth]]:
    """Yield each kind of growth inside one message, for each form of a message."""
    for form, (gateway, build) in FORMS.items():
        for kind, grown in (MEMBERS | CHOICES[form]).items():
            yield gateway, f"{form}: {kind}", lambda n, b=build, g=grown: b(g(n))  # type: ignore[misc]


def grow_texts(run: str) -> Iterator[tuple[str, str, Growth]]:
    """Yield each form with one long text of this run wherever a text is read."""

    def ending(n: int) -> str:
        return run * (n // len(run)) + "!"

    for gateway in ("baileys", "evolution"):
        yield (
            gateway,
            gateway,
            lambda n: build_baileys_event("messages.upsert", _build_long_proto(ending(n))),
        )
    yield (
        "evolution-go",
        "evolution-go",
        lambda n: build_evolution_go_message(
            {ending(n): 1, "conversation": ending(n)}, PushName=ending(n), Timestamp=ending(n)
        ),
    )
    yield (
        "waha",
        "waha of GOWS",
        lambda n: build_gows_message({ending(n): 1, "conversation": ending(n)}),
    )
    for gateway, build in (
        ("waha", build_waha_message),
        ("whatsapp-web-js", build_web_js_event),
        ("wppconnect", build_wppconnect_event),
    ):
        yield gateway, gateway, lambda n, b=build: b(_build_long_web(ending(n)))  # type: ignore[misc]
        yield gateway, f"{gateway}: id", lambda n, b=build: b({"id": ending(n)})  # type: ignore[misc]
    yield "cloud-api", "cloud-api", lambda n: _build_long_cloud(ending(n))


def _build_long_proto(text: str) -> list[Any]:
    shared = {"pushName": text, "messageTimestamp": text, text: 1, "participant": text}
    whole = [
        {**build_proto_message({"conversation": text}), **shared},
        build_proto_message({"contactMessage": {"vcard": text}}),
        build_proto_message(
            {"documentMessage": {"mimetype": text, "fileName": text}, text: {"Aa": 1}}
        ),
    ]
    keys = [{"id": text}, {"remoteJid": text}, {"remoteJidAlt": text}, {"participant": text}]
    return [
        *whole,
        *(
            {**build_proto_message({"conversation": "x"}), "key": build_key(1) | more}
            for more in keys
        ),
    ]


def _build_long_web(text: str) -> dict[str, Any]:
    names = ("body", "caption", "notifyName", "timestamp", "author", "mimetype", "to", "chatId")
    return dict.fromkeys(names, text) | {text: 1, "quotedStanzaID": text, "x": text}


def _build_long_cloud(text: str) -> dict[str, Any]:
    messages = [
        build_cloud_message(1, text={"body": text}, timestamp=text, x=text),
        build_cloud_message(1, **{"from": text, text: 1}),
        build_cloud_message(1, id=text, context={"id": text}),
        build_cloud_message(1, type="contacts", contacts=[{"vcard": text}]),
        build_cloud_message(1, type="location", location={"latitude": text, "longitude": text}),
        build_cloud_message(
            1, type="order", order={"product_items": [{"item_price": text, "quantity": text}]}
        ),
    ]
    contacts = [{"wa_id": build_number(1), "profile": {"name": text}}, {"user_id": text}]
    shared = {"contacts": contacts, "metadata": {"display_phone_number": text}}
    return build_cloud_webhook({"messages": messages, **shared}, time=text)
