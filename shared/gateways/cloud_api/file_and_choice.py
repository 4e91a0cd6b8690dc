"""Files and choices in Meta's messages, by type."""

from shared.gateways.normalize.file_and_choice import NOTHING, FileAndChoice, read_file
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text

FILES = frozenset({"image", "video", "audio", "voice", "document", "sticker"})


def read_file_and_choice(kind: str, content: JsonObject) -> FileAndChoice:
    """Return what the content says about its file, or which choice it is."""
    if kind in FILES:
        return read_file(content)
    if kind == "button":  # of a template
        return FileAndChoice(choice_id=read_text(content, "payload").strip())
    if kind == "interactive":
        replies = (read_object(content, name) for name in ("button_reply", "list_reply"))
        ids = (read_text(reply, "id").strip() for reply in replies)
        return FileAndChoice(choice_id=next(filter(None, ids), ""))
    return NOTHING
