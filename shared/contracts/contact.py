"""What the contacts service tells about the address book."""

from typing import ClassVar

from typing_extensions import override

from shared.contracts.base import Event, Id


class ContactSaved(Event):
    """A contact is new or changed; of two, the one with the higher `version` is the newer."""

    topic: ClassVar[str] = "contact.changed"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "contact.saved"

    contact_id: Id
    version: int
    name: str
    number: str | None = None
    lid: str | None = None
    jid: str | None = None
    is_group: bool = False
    active: bool = True

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.contact_id}"
