"""Companies and lines that are being deleted: what comes for them is refused, without its words."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import BaseModel

from shared.contracts.base import Event
from shared.delivery.checkpoints import Checkpoint
from shared.delivery.dead_letters import DeadLetter, dead_letter
from shared.delivery.decode import Record

BEING_DELETED, DELETED = "being-deleted", "deleted"


def leaving_in(held: Iterable[Checkpoint]) -> Mapping[str, bool]:
    """Give who leaves, by `companyId` or `companyId:whatsappId`; true are gone."""
    return next((row.leaving for row in held if row.leaving), {})


def refusal_of_event(
    record: Record, event: BaseModel, leaving: Mapping[str, bool]
) -> DeadLetter | None:
    """Refuse an event of a company or line that leaves; mostly nobody does."""
    if not leaving or not isinstance(event, Event):
        return None
    company = str(event.company_id)
    line = f"{company}:{getattr(event, 'whatsapp_id', None)}"
    name = company if company in leaving else line
    return _refused(record, name, leaving[name]) if name in leaving else None


def without_words(record: Record, letter: DeadLetter, leaving: Mapping[str, bool]) -> DeadLetter:
    """Give the letter of a record that nobody reads, refused where its company or line leaves."""
    if not leaving or letter.company_id is None:
        return letter
    names = (str(letter.company_id), letter.line)
    name = next((name for name in names if name in leaving), None)
    return letter if name is None else _refused(record, name, leaving[name])


def _refused(record: Record, name: str, is_gone: bool) -> DeadLetter:  # noqa: FBT001 - as stored
    company, _, line = name.partition(":")
    whose = f"line {line} of company {company}" if line else f"company {company}"
    reason = DELETED if is_gone else BEING_DELETED
    detail = f"{whose} is {reason.replace('-', ' ')}"
    letter = dead_letter(record, reason, detail, company_id=int(company))
    # The size and hash of a body that is too large are not kept either.
    refused = replace(letter, reason=reason, detail=detail, line=company)
    return replace(refused, key=None, headers="[]", body=None)
