"""What a message says about its file, and which button or row of a list it chooses."""

from dataclasses import dataclass
from typing import TypedDict

from shared.contracts.base import LONGEST_NAME
from shared.gateways.normalize.json_values import JsonObject, read_text

_FILE_NAMES, _MIME_TYPES = ("fileName", "filename"), ("mimetype", "mime_type")


class Members(TypedDict):
    """The members of message.received with the same names."""

    file_name: str | None
    mime_type: str | None
    choice_id: str | None


@dataclass(frozen=True, slots=True)
class FileAndChoice:
    """The name and the MIME type of a file, and the id of a choice; '' if there is none."""

    file_name: str = ""
    mime_type: str = ""
    choice_id: str = ""

    @property
    def members(self) -> Members:
        """The members of message.received; a choice whose id would be cut has none."""
        choice = self.choice_id if len(self.choice_id) <= LONGEST_NAME else ""
        return Members(
            file_name=self.file_name or None,
            mime_type=self.mime_type or None,
            choice_id=choice or None,
        )

    def complete(self, other: "FileAndChoice") -> "FileAndChoice":
        """Return this with what only the other one has."""
        return FileAndChoice(
            self.file_name or other.file_name,
            self.mime_type or other.mime_type,
            self.choice_id or other.choice_id,
        )


NOTHING = FileAndChoice()


def read_file(*holders: JsonObject) -> FileAndChoice:
    """Return the name and the MIME type of a file from the first object that has each."""
    names = (read_text(holder, *_FILE_NAMES).strip() for holder in holders)
    types = (read_text(holder, *_MIME_TYPES).strip() for holder in holders)
    return FileAndChoice(next(filter(None, names), ""), next(filter(None, types), ""))
