"""Messages to send, requests and responses: what the senders of all gateways share."""

import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from pydantic import JsonValue

from shared.gateways.normalize.addresses import Address, AddressKind, parse_address

JsonObject = dict[str, JsonValue]

LONGEST_ERROR = 255  # characters of a provider's error text
_DEEPEST = 8  # nested lists in an error
_GROUP = re.compile(r"[0-9]{16,40}|[0-9]{6,20}-[0-9]{6,20}")
_WID = re.compile(r"3EB0[0-9A-F]{18}")
_MIME = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/ogg; codecs=opus",
    "document": "application/octet-stream",
}


class ErrorClass(StrEnum):
    """What a response means for the send, the line and the campaign (docs/sending.md)."""

    OK = "ok"
    RETRY = "retry"
    UNKNOWN = "unknown"
    PAUSE = "pause"
    FINAL_RECIPIENT = "final_recipient"
    FINAL_TEMPLATE = "final_template"


_CLASS_BY_STATUS = {
    **dict.fromkeys((429, 503), ErrorClass.RETRY),
    **dict.fromkeys((401, 403, 404), ErrorClass.PAUSE),
}
_CLASS_BY_FAMILY = {3: ErrorClass.PAUSE, 4: ErrorClass.FINAL_RECIPIENT}


@dataclass(frozen=True, slots=True)
class Quoted:
    """The quoted message; `author` is the address of its author in a group."""

    wid: str
    from_me: bool = False
    author: str | None = None


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to send; `wid` is its id for gateways that accept a given id."""

    instance: str
    chat: str
    send_id: str
    wid: str
    body: str
    jid: str | None = None
    media_url: str | None = None
    media_type: str | None = None
    quoted: Quoted | None = None

    @property
    def to(self) -> Address:
        """The recipient: the address that they wrote from, else the chat's canonical one."""
        parsed = parse_address(self.jid or "") or parse_address(self.chat)
        if parsed is not None:
            return parsed
        if _GROUP.fullmatch(self.chat):
            return Address(AddressKind.GROUP, self.chat, f"{self.chat}@g.us")
        return Address(AddressKind.OTHER, self.chat, self.chat)

    @property
    def media(self) -> str:
        """The kind of the link: image, video, audio or document."""
        family = (self.media_type or "").split("/")[0].lower()
        if family in _MIME:
            return family
        guessed = (mimetypes.guess_type(self.file_name)[0] or "").split("/")[0]
        is_known = self.media_type is None and guessed in _MIME
        return guessed if is_known else "document"

    @property
    def mime_type(self) -> str:
        """The MIME type guessed from the name of the link, else the default of its kind."""
        guessed = mimetypes.guess_type(self.file_name)[0]
        right = guessed and (self.media == "document" or guessed.startswith(self.media))
        return guessed if guessed and right else _MIME[self.media]

    @property
    def file_name(self) -> str:
        """The file name at the end of the link."""
        path = urlsplit(self.media_url or "").path
        return unquote(path.rsplit("/", 1)[-1])[:LONGEST_ERROR] or "file"


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """A request to a gateway, relative to its server and without its key."""

    path: str
    json: JsonObject


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """The meaning of a response; `wid` is the message id of the gateway."""

    error_class: ErrorClass
    wid: str | None = None
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of one gateway: its API key is put into `key_header`, after `key_prefix`."""

    build_request: Callable[[OutgoingMessage], GatewayRequest]
    read_response: Callable[[int, JsonValue], GatewayResponse]
    key_header: str
    key_prefix: str = ""


def derive_wid(company_id: int, whatsapp_id: int, request: str) -> str:
    """Return a message id in WhatsApp's own form; the same for the same arguments."""
    name = f"{company_id}:{whatsapp_id}:{request}".encode()
    return "3EB0" + hashlib.sha256(name).hexdigest()[:18].upper()


def derive_wid_of_send(company_id: int, whatsapp_id: int, send_id: str) -> str:
    """Return the message id of a send: its send id, if that has the form of one."""
    return send_id if _WID.fullmatch(send_id) else derive_wid(company_id, whatsapp_id, send_id)


def build_failure(error_class: ErrorClass, code: str, error: str = "") -> GatewayResponse:
    """Return a failed response with an error of bounded length."""
    return GatewayResponse(error_class, None, code, error[:LONGEST_ERROR] or None)


def classify_status(status: int, error: str = "") -> GatewayResponse:
    """Return the failure that an HTTP status means.

    After a server error the message may have been sent, so the class is `unknown`; 429, 503, 401,
    403 and 404 come before sending.
    """
    error_class = _CLASS_BY_STATUS.get(status) or _CLASS_BY_FAMILY.get(
        status // 100, ErrorClass.UNKNOWN
    )
    return build_failure(error_class, f"http-{status}", error)


def is_accepted(status: int) -> bool:
    """Return whether an HTTP status means that the gateway accepted the message."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def read_member(value: JsonValue, *path: str) -> JsonValue:
    """Follow the names into an object; None if a member is missing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def join_texts(value: JsonValue) -> str:
    """Return the texts in an error joined by `; `, down to a few nested lists."""
    return "; ".join(filter(None, _list_texts(value, _DEEPEST)))


def _list_texts(value: JsonValue, levels: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and levels:
        for inner in value:
            yield from _list_texts(inner, levels - 1)
