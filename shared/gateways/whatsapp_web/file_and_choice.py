"""Files and choices in the form of WhatsApp Web, by the media type of the content."""

from dataclasses import replace

from shared.gateways.normalize.file_and_choice import NOTHING, FileAndChoice, read_file
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.proto_message.file_and_choice import read_native_choice
from shared.gateways.whatsapp_web.texts import read_words

_FILES = frozenset({"image", "video", "audio", "stickerMessage", "application", "text"})


def read_web_file_and_choice(media_type: str, message: JsonObject) -> FileAndChoice:
    """Return what a message says about its file, or which choice it is."""
    if media_type in _FILES:
        media = read_object(message, "media")
        name = read_words(message, "filename", "fileName") or read_words(media, "filename")
        return replace(read_file(message, media), file_name=name.strip())
    return FileAndChoice(choice_id=_read_choice(media_type, message)) if media_type else NOTHING


def _read_choice(media_type: str, message: JsonObject) -> str:
    match media_type:
        case "listResponseMessage":
            row = read_object(message, "listResponse", "singleSelectReply")
            return (read_text(row, "selectedRowId") or read_text(message, "selectedRowId")).strip()
        case "buttonsResponseMessage" | "templateButtonReplyMessage":
            return read_text(message, "selectedButtonId", "selectedId").strip()
        case "interactiveResponseMessage":
            return _read_native_choice(message)
        case _:
            return ""


def _read_native_choice(message: JsonObject) -> str:
    payload = read_object(message, "interactivePayload")
    return read_native_choice(
        {
            "name": read_text(payload, "name") or read_text(message, "nativeFlowName"),
            "paramsJson": read_text(payload, "paramsJson", "buttonParamsJson"),
        }
    )
