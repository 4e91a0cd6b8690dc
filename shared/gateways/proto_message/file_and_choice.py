"""Files and choices in the protobuf form, by the name of the content."""

from collections.abc import Callable

from shared.gateways.normalize.file_and_choice import NOTHING, FileAndChoice, read_file
from shared.gateways.normalize.json_values import (
    JsonObject,
    read_embedded_json,
    read_object,
    read_text,
)
from shared.gateways.proto_message.interactive import FORMS


def read_file_and_choice(kind: str, content: JsonObject) -> FileAndChoice:
    """Return what the content `kind` says about its file, or which choice it is."""
    if kind in _FILES:
        return read_file(content)
    return FileAndChoice(choice_id=_CHOICES[kind](content)) if kind in _CHOICES else NOTHING


def read_native_choice(flow: JsonObject) -> str:
    """Return the id of a choice in a native flow; the answers of a form have none."""
    if read_text(flow, "name") in FORMS:
        return ""
    return read_text(read_embedded_json(flow, "paramsJson"), "id").strip()


def _read_row(reply: JsonObject) -> str:
    return read_text(read_object(reply, "singleSelectReply"), "selectedRowId").strip()


_FILES = frozenset(
    {
        "imageMessage",
        "videoMessage",
        "ptvMessage",
        "audioMessage",
        "documentMessage",
        "stickerMessage",
    }
)
_CHOICES: dict[str, Callable[[JsonObject], str]] = {
    "listResponseMessage": _read_row,
    "buttonsResponseMessage": lambda reply: read_text(reply, "selectedButtonId").strip(),
    "templateButtonReplyMessage": lambda reply: read_text(reply, "selectedId").strip(),
    "interactiveResponseMessage": lambda reply: read_native_choice(
        read_object(reply, "nativeFlowResponseMessage")
    ),
}
