"""The contacts of customers, with what belongs to them."""

from typing import Final

from shared.generate import rows
from shared.generate.chunks import Chunk, Ids
from shared.generate.companies import Company
from shared.generate.dice import Dice
from shared.generate.people import Person
from shared.generate.times import to_datetime

TAG_SHARE: Final = 0.2
WALLET_SHARE: Final = 0.03
FIELD_SHARE: Final = 0.05
EMAIL_SHARE: Final = 0.1
DELETED_SHARE: Final = 0.01
UNNAMED_SHARE: Final = 0.1
MERGED_SHARE: Final = 0.02  # of contacts with number and LID: the LID had a contact of its own


class ContactBuilder:
    """Builds the rows of customers."""

    def __init__(self, dice: Dice, ids: Ids) -> None:
        self._dice, self._ids = dice, ids

    def take_id(self) -> int:
        """Return the id of the next contact."""
        return self._ids.take(rows.ContactRow)

    def add(
        self, chunk: Chunk, company: Company, contact_id: int, person: Person, at: float,
        consented_at: float | None,
    ) -> None:  # fmt: skip
        """Add the contact of a customer who first writes at a time."""
        dice, created_at = self._dice, to_datetime(at + dice_delay(self._dice))
        is_named = not dice.happens(UNNAMED_SHARE)
        name = person.name if is_named else person.chat
        local = f"cliente{contact_id}@example.com"
        chunk.add(
            rows.ContactRow(
                id=contact_id,
                companyId=company.id,
                name=name,
                number=person.number,
                email=local if dice.happens(EMAIL_SHARE) else "",
                isGroup=False,
                active=not dice.happens(DELETED_SHARE),
                remoteJid=person.remote_jid,
                lgpdAcceptedAt=None if consented_at is None else to_datetime(consented_at),
                whatsappId=company.get_line(person.line).id,
                lid=person.lid,
                jid=person.jid,
                mergedIntoContactId=None,
                createdAt=created_at,
                updatedAt=created_at,
            )
        )
        if person.lid and person.number:
            chunk.add(
                rows.LidNumberRow(company.id, person.lid, person.number, created_at, created_at)
            )
        self._add_dependents(chunk, company, contact_id, at)

    def may_be_merged(self, person: Person) -> bool:
        """Return whether the LID of a customer had a contact of its own at first."""
        return bool(person.lid and person.number) and self._dice.happens(MERGED_SHARE)

    def add_merged(
        self, chunk: Chunk, company: Company, into_id: int, person: Person, at: float
    ) -> None:
        """Add the contact of a LID that was merged into that of the number, which took the LID."""
        created_at = to_datetime(at + dice_delay(self._dice))
        chunk.add(
            rows.ContactRow(
                id=self.take_id(),
                companyId=company.id,
                name=person.name,
                number=None,
                email="",
                isGroup=False,
                active=False,
                remoteJid=person.lid,
                lgpdAcceptedAt=None,
                whatsappId=company.get_line(person.line).id,
                lid=None,
                jid=None,
                mergedIntoContactId=into_id,
                createdAt=created_at,
                updatedAt=created_at,
            )
        )

    def _add_dependents(self, chunk: Chunk, company: Company, contact_id: int, at: float) -> None:
        dice, later = self._dice, to_datetime(at + 60)
        if dice.happens(TAG_SHARE):
            tag_id = dice.choice(company.tags)
            chunk.add(rows.ContactTagRow(company.id, contact_id, tag_id, later, later))
        if dice.happens(WALLET_SHARE):
            wallet_id, user_id = self._ids.take(rows.WalletRow), dice.choice(company.users)
            chunk.add(rows.WalletRow(wallet_id, company.id, user_id, contact_id, later, later))
        if dice.happens(FIELD_SHARE):
            field_id = self._ids.take(rows.CustomFieldRow)
            value = f"{dice.randrange(10**10, 10**11)}"
            chunk.add(
                rows.CustomFieldRow(field_id, company.id, "CPF", value, contact_id, later, later)
            )


def dice_delay(dice: Dice) -> float:
    """Return the seconds from a message to its rows."""
    return 0.2 + dice.random()
