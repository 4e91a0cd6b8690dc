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

from shared.contracts.message_content import (
    ChangeKind,
    MessageTemplate,
    OptionList,
    ReplyButton,
)
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
class OutgoingChange:
    """A change of the message `of`; `text` is the new text of an edit, or the emoji."""

    kind: ChangeKind
    of: Quoted
    text: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to send; `wid` is its id for gateways that accept a given id.

    With `change` an existing message is changed instead.
    """

    instance: str
    chat: str
    send_id: str
    wid: str
    body: str
    jid: str | None = None
    media_url: str | None = None
    media_type: str | None = None
    given_file_name: str | None = None
    given_mime_type: str | None = None
    quoted: Quoted | None = None
    template: MessageTemplate | None = None
    buttons: tuple[ReplyButton, ...] = ()
    option_list: OptionList | None = None
    change: OutgoingChange | None = None

    @property
    def numbered_text(self) -> str:
        """The body, with buttons or rows of a list as numbered lines below it."""
        options: list[tuple[str, str | None]] = [(button.title, None) for button in self.buttons]
        if self.option_list:
            options = [(row.title, row.description) for row in self.option_list.rows]
        lines = [
            f"{number}. {title}" + (f" - {description}" if description else "")
            for number, (title, description) in enumerate(options, 1)
        ]
        return "\n".join([self.body, "", *lines]) if lines else self.body

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
        guessed = (self.given_mime_type or mimetypes.guess_type(self.file_name)[0] or "").split(
            "/"
        )[0]
        is_known = self.media_type is None and guessed in _MIME
        return guessed if is_known else "document"

    @property
    def mime_type(self) -> str:
        """The MIME type as given, else guessed from the file name, else the default of its kind."""
        if self.given_mime_type:
            return self.given_mime_type
        guessed = mimetypes.guess_type(self.file_name)[0]
        right = guessed and (self.media == "document" or guessed.startswith(self.media))
        return guessed if guessed and right else _MIME[self.media]

    @property
    def file_name(self) -> str:
        """The file name as given, else that at the end of the link."""
        if self.given_file_name:
            return self.given_file_name
        path = urlsplit(self.media_url or "").path
        return unquote(path.rsplit("/", 1)[-1])[:LONGEST_ERROR] or "file"


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """A request to a gateway, relative to its server and without its key; empty JSON is no body."""

    path: str
    json: JsonObject
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """The meaning of a response; `wid` is the message id of the gateway."""

    error_class: ErrorClass
    wid: str | None = None
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of one gateway: its API key is put into `key_header`, after `key_prefix`.

    `build_change` is asked only for the kinds in `changes`. With `is_official` the gateway is
    Meta's: it knows templates, and free text is limited to the window of 24 hours.
    """

    build_request: Callable[[OutgoingMessage], GatewayRequest]
    build_change: Callable[[OutgoingMessage, OutgoingChange], GatewayRequest]
    read_response: Callable[[int, JsonValue], GatewayResponse]
    key_header: str
    key_prefix: str = ""
    changes: frozenset[ChangeKind] = frozenset(ChangeKind)
    is_official: bool = False

    def build(self, message: OutgoingMessage) -> GatewayRequest:
        """Return the request for a message or, if it has one, for its change."""
        if message.change:
            return self.build_change(message, message.change)
        return self.build_request(message)

    def read(self, message: OutgoingMessage, status: int, body: JsonValue) -> GatewayResponse:
        """Return what a response means; that to a change need not have an id."""
        response = self.read_response(status, body)
        if message.change is None:
            return response
        if is_accepted(status):
            is_other = response.wid and response.wid != message.change.of.wid
            return GatewayResponse(ErrorClass.OK, response.wid if is_other else None)
        if status == HTTPStatus.NOT_FOUND:  # of the message: the line can send
            return build_failure(
                ErrorClass.FINAL_RECIPIENT, response.code or "http-404", response.error or ""
            )
        return response


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
