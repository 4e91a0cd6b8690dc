"""What every sender is given and gives back."""

import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from pydantic import JsonValue

from shared.gateways.identity import Address, Kind, address

JsonObject = dict[str, JsonValue]

LONGEST_ERROR = 255  # characters of a provider's words that are kept
_DEEPEST = 8  # levels of lists in an error
_GROUP = re.compile(r"[0-9]{16,40}|[0-9]{6,20}-[0-9]{6,20}")
_WID = re.compile(r"3EB0[0-9A-F]{18}")
_MIME = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/ogg; codecs=opus",
    "document": "application/octet-stream",
}


class ErrorClass(StrEnum):
    """What an answer means for the send, the line and the campaign (field notes 4)."""

    OK = "ok"
    RETRY = "retry"
    UNKNOWN = "unknown"
    PAUSE = "pause"
    FINAL_RECIPIENT = "final_recipient"
    FINAL_TEMPLATE = "final_template"


_STATUSES = {
    **dict.fromkeys((429, 503), ErrorClass.RETRY),
    **dict.fromkeys((401, 403, 404), ErrorClass.PAUSE),
}
_FAMILIES = {3: ErrorClass.PAUSE, 4: ErrorClass.FINAL_RECIPIENT}


@dataclass(frozen=True, slots=True)
class Quoted:
    """The message that is answered; `author` is its participant's address in a group."""

    wid: str
    from_me: bool = False
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """One message to be sent: `wid` is what it shall be called, where the gateway lets us say."""

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
        """Whom to send to: the address that they wrote from, else the chat's canonical one."""
        found = address(self.jid or "") or address(self.chat)
        if found is not None:
            return found
        if _GROUP.fullmatch(self.chat):
            return Address(Kind.GROUP, self.chat, f"{self.chat}@g.us")
        return Address(Kind.OTHER, self.chat, self.chat)

    @property
    def media(self) -> str:
        """Say which of image, video, audio and document the link is of."""
        family = (self.media_type or "").split("/")[0].lower()
        if family in _MIME:
            return family
        guessed = (mimetypes.guess_type(self.file_name)[0] or "").split("/")[0]
        known = self.media_type is None and guessed in _MIME
        return guessed if known else "document"

    @property
    def mime_type(self) -> str:
        """Guess the link's MIME type from its name, where that is of the right family."""
        guessed = mimetypes.guess_type(self.file_name)[0]
        right = guessed and (self.media == "document" or guessed.startswith(self.media))
        return guessed if guessed and right else _MIME[self.media]

    @property
    def file_name(self) -> str:
        """Name the file as its link does."""
        path = urlsplit(self.media_url or "").path
        return unquote(path.rsplit("/", 1)[-1])[:LONGEST_ERROR] or "file"


@dataclass(frozen=True, slots=True)
class Post:
    """A request to a gateway, relative to its server and without its key."""

    path: str
    json: JsonObject


@dataclass(frozen=True, slots=True)
class Result:
    """What a gateway answered; `wid` is what it calls the message."""

    error_class: ErrorClass
    wid: str | None = None
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """One gateway's way to send: its key goes into `key_header`, after `key_prefix`."""

    post: Callable[[Sending], Post]
    read: Callable[[int, JsonValue], Result]
    key_header: str
    key_prefix: str = ""


def wid_in_advance(company_id: int, whatsapp_id: int, request: str) -> str:
    """Name a message before it is sent, in the form of WhatsApp's own ids; same in, same out."""
    named = f"{company_id}:{whatsapp_id}:{request}".encode()
    return "3EB0" + hashlib.sha256(named).hexdigest()[:18].upper()


def wid_of_send(company_id: int, whatsapp_id: int, send_id: str) -> str:
    """Give the name in advance of a send's message: its own id, where that is such a name."""
    return send_id if _WID.fullmatch(send_id) else wid_in_advance(company_id, whatsapp_id, send_id)


def failed(error_class: ErrorClass, code: str, error: str = "") -> Result:
    """Give a result that is none, in at most as many words as are kept."""
    return Result(error_class, None, code, error[:LONGEST_ERROR] or None)


def by_status(status: int, error: str = "") -> Result:
    """Judge an answer by its HTTP status alone.

    A server's own error may come after it has sent, so that nobody knows; that it was too busy
    (429, 503) or knows no such session or key (401, 403, 404) it says before.
    """
    known = _STATUSES.get(status) or _FAMILIES.get(status // 100, ErrorClass.UNKNOWN)
    return failed(known, f"http-{status}", error)


def was_taken(status: int) -> bool:
    """Tell whether an HTTP status says that the gateway took the message."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def member(value: JsonValue, *path: str) -> JsonValue:
    """Follow names into an object; None where there is no such member."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def words(value: JsonValue) -> str:
    """Join the texts in an error, in the first levels of its lists."""
    return "; ".join(filter(None, _texts(value, _DEEPEST)))


def _texts(value: JsonValue, levels: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and levels:
        for inner in value:
            yield from _texts(inner, levels - 1)
