"""Strategies for payloads with one message of a person, whose content may be anything.

Each payload has an author other than us, an id and a chat that is shown, and its type is not on the
closed list of its gateway. The members that say so are fixed; all others are random.
"""

from typing import Any

from hypothesis import strategies as st

from shared.gateways.closed_lists import CLOSED_LISTS
from shared.gateways.cloud_api.content import KINDS
from shared.gateways.proto_message.content import WRAPPERS
from shared.gateways.proto_message.invisible_content import ENCRYPTED
from shared.gateways.proto_message.visible_content import VISIBLE_KINDS
from shared.gateways.whatsapp_web.content import VISIBLE_TYPES

NUMBER, LID, GROUP = "5511990000001", "90000000000042", "120363000000000777"
WID = "3EB0C0FFEE0000000042"

# Changes of older messages have no row of their own; a call that was taken is on the closed list.
_CHANGES = frozenset({"reactionMessage", "reaction", "edit", "revoke", "call_log", "message_edit"})
_SURROGATE = "\ud83d"

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", " ", "\x00", _SURROGATE, "\u200b", "oi", "1790000000", "x" * 300]),
)


def _build_json(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        _scalars,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
        max_leaves=6,
    )


def _build_object(names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects whose members are mostly objects, as contents are."""
    inner = st.dictionaries(names, _build_json(names), max_size=3)
    value = st.sampled_from([_scalars, inner, inner]).flatmap(lambda strategy: strategy)
    return st.dictionaries(names, value, max_size=3)


def _build_optional(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: values})


def _name(gateway: str, *known: str) -> st.SearchStrategy[str]:
    closed = CLOSED_LISTS[gateway].keys() | _CHANGES
    listed = st.sampled_from([name for name in known if name not in closed])
    return st.one_of(
        *(listed, listed, listed),
        st.text(max_size=8).filter(lambda name: name.lower() not in closed and name != "isStatus"),
    )


_PROTO = (
    *(*VISIBLE_KINDS, *WRAPPERS, *ENCRYPTED),
    *("message", "messageContextInfo", "conversation", "placeholderMessage", "unsupportedMessage"),
    *("hologramMessage", "key", "vote", "text"),
)
_BESIDE = (
    *("pushName", "messageTimestamp", "contextInfo", "messageStubParameters", "status"),
    *("messageType", "verifiedBizName", "broadcast", "mediaUrl", "base64", "userReceipt"),
)


@st.composite
def _draw_keys(draw: st.DrawFn) -> dict[str, Any]:
    chat = draw(
        st.sampled_from([f"{NUMBER}@s.whatsapp.net", f"{LID}@lid", f"{GROUP}@g.us", "BR.1a2B3c"])
    )
    key: dict[str, Any] = {"remoteJid": chat, "id": WID}
    if chat.endswith("@g.us"):
        key["participant"] = draw(st.sampled_from([f"{NUMBER}:3@s.whatsapp.net", f"{LID}@lid"]))
    key |= draw(st.sampled_from([{}, {"fromMe": False}, {"fromMe": None}]))
    return key | draw(st.dictionaries(st.just("isViewOnce"), _scalars))


@st.composite
def _draw_contents(draw: st.DrawFn, gateway: str) -> Any:
    names = _name(gateway, *_PROTO)
    is_odd = draw(st.integers(0, 4)) == 0
    return draw(_scalars if is_odd else _build_object(names))


@st.composite
def draw_proto(draw: st.DrawFn, gateway: str) -> dict[str, Any]:
    """Return a message in Baileys' form."""
    names = st.sampled_from(_BESIDE)
    message = draw(st.dictionaries(names, _build_json(_name(gateway, *_PROTO)), max_size=3))
    message |= draw(st.sampled_from([{}, {"messageStubType": 2}, {"messageStubType": None}]))
    message |= draw(_build_optional("message", _draw_contents(gateway)))
    return message | {"key": draw(_draw_keys())}


@st.composite
def draw_baileys(draw: st.DrawFn) -> Any:
    """Return a post of a bridge."""
    message = draw(draw_proto("baileys"))
    data = draw(st.sampled_from([message, [message], {"messages": [message], "type": "notify"}]))
    return {"event": "messages.upsert", "data": data}


@st.composite
def draw_evolution(draw: st.DrawFn) -> Any:
    """Return a post of Evolution."""
    return {"event": "messages.upsert", "instance": "x", "data": draw(draw_proto("evolution"))}


@st.composite
def _draw_whatsmeow(draw: st.DrawFn, gateway: str) -> dict[str, Any]:
    key = draw(_draw_keys())
    chat = key["remoteJid"]
    info = draw(st.dictionaries(st.sampled_from(["PushName", "Timestamp", "Type"]), _scalars))
    info |= {"Chat": chat, "Sender": key.get("participant", chat), "ID": WID, "IsFromMe": False}
    members = draw(st.dictionaries(st.sampled_from(["IsUnavailable", "UnavailableType"]), _scalars))
    return members | {"Info": info, "Message": draw(_draw_contents(gateway))}


@st.composite
def draw_evolution_go(draw: st.DrawFn) -> Any:
    """Return a post of Evolution Go, in whatsmeow's form or in that of its documentation."""
    data = draw(_draw_whatsmeow("evolution-go") | draw_proto("evolution-go"))
    return {"event": "Message", "data": data}


_WEB = (
    *("body", "caption", "content", "hasMedia", "media", "mimetype", "location", "vCards", "t"),
    *("isViewOnce", "isForwarded", "mediaUrl", "notifyName", "timestamp", "subtype", "title"),
    *("quotedMsg", "replyTo", "inviteV4", "paymentNoteMsg", "list", "vcardList", "mediaData"),
)


@st.composite
def draw_web(draw: st.DrawFn, gateway: str) -> dict[str, Any]:
    """Return a message in the form of WhatsApp Web."""
    names = _name(gateway, *_WEB)
    message = draw(st.dictionaries(st.sampled_from(_WEB), _build_json(names), max_size=5))
    unknown = st.sampled_from(["unknown", "oversized", "hologram", "ciphertext", 7, None, " "])
    kind: st.SearchStrategy[Any] = unknown | _name(gateway, *VISIBLE_TYPES)
    kinds = kind.filter(lambda k: not isinstance(k, str) or k.strip().lower() not in _CHANGES)
    message |= draw(_build_optional("type", kinds))
    chat = draw(st.sampled_from([f"{NUMBER}@c.us", f"{LID}@lid", f"{GROUP}@g.us"]))
    author = {"author": f"{NUMBER}@c.us"} if chat.endswith("@g.us") else {}
    return message | author | {"id": f"false_{chat}_{WID}", "from": chat, "fromMe": False}


@st.composite
def draw_whatsapp_web_js(draw: st.DrawFn) -> Any:
    """Return a post of a bridge."""
    name = draw(st.sampled_from(["message", "message_create", "message_ciphertext"]))
    return {"event": name, "data": draw(draw_web("whatsapp-web-js"))}


@st.composite
def draw_wppconnect(draw: st.DrawFn) -> Any:
    """Return a post of WPPConnect Server."""
    return draw(draw_web("wppconnect")) | {"event": "onmessage", "session": "x"}


@st.composite
def draw_waha(draw: st.DrawFn) -> Any:
    """Return a post of WAHA with any engine, or without the engine's own message."""
    message = draw(draw_web("waha"))
    chat = message["from"]
    key = {"remoteJid": chat, "id": WID, "fromMe": False, "participant": f"{LID}@lid"}
    whatsmeow = draw(_draw_whatsmeow("waha"))
    whatsmeow["Info"] |= {"Chat": chat, "Sender": chat}
    engines = (draw_web("waha"), draw_proto("waha").map(lambda proto: proto | {"key": key}))
    message |= draw(_build_optional("_data", st.one_of(st.just({}), st.just(whatsmeow), *engines)))
    name = draw(st.sampled_from(["message", "message.any", "message.waiting"]))
    return {"event": name, "payload": message}


@st.composite
def draw_cloud_api(draw: st.DrawFn) -> Any:
    """Return a webhook of Meta with one message."""
    known = (*KINDS, "contacts", "errors", "poll", "event", "unsupported", "context", "referral")
    names = _name("cloud-api", *known)
    message = draw(_build_object(names))
    message |= draw(_build_optional("type", names))
    sender = {"from": NUMBER} | draw(st.sampled_from([{}, {"group_id": "Y2FwaV9ncm91cA"}]))
    message |= draw(st.sampled_from([sender, {"from_user_id": "BR.1a2B3c"}]))
    value = draw(st.dictionaries(st.sampled_from(["contacts", "metadata"]), _build_json(names)))
    change = {"field": "messages", "value": value | {"messages": [message | {"id": WID}]}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


PAYLOADS = {
    "baileys": draw_baileys(),
    "cloud-api": draw_cloud_api(),
    "evolution": draw_evolution(),
    "evolution-go": draw_evolution_go(),
    "waha": draw_waha(),
    "whatsapp-web-js": draw_whatsapp_web_js(),
    "wppconnect": draw_wppconnect(),
}
