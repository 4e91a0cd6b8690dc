"""Rejects records of deleted companies and lines, without storing their content."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import BaseModel

from shared.contracts.base import Event
from shared.delivery.checkpoints.store import Checkpoint
from shared.delivery.dead_letters.store import DeadLetter, build_dead_letter, drop_content
from shared.delivery.kafka.record import Record

BEING_DELETED, DELETED = "being-deleted", "deleted"


def find_deleted_tenants(checkpoints: Iterable[Checkpoint]) -> Mapping[str, bool]:
    """Return deleted tenants by `companyId` or `companyId:whatsappId`; True: purge finished."""
    return next((row.deleted_tenants for row in checkpoints if row.deleted_tenants), {})


def reject_if_deleted(
    record: Record, event: BaseModel, deleted_tenants: Mapping[str, bool]
) -> DeadLetter | None:
    """Return the dead letter of an event of a deleted company or line, None of any other."""
    if not deleted_tenants or not isinstance(event, Event):
        return None
    company = str(event.company_id)
    line = f"{company}:{getattr(event, 'whatsapp_id', None)}"
    tenant = company if company in deleted_tenants else line
    if tenant not in deleted_tenants:
        return None
    return _build_rejection(record, tenant, is_deleted=deleted_tenants[tenant])


def blank_if_deleted(
    record: Record, dead_letter: DeadLetter, deleted_tenants: Mapping[str, bool]
) -> DeadLetter:
    """Return the dead letter of an unreadable record, without content if its tenant is deleted.

    A dead letter without a company is kept as it is.
    """
    if not deleted_tenants or dead_letter.company_id is None:
        return dead_letter
    names = (str(dead_letter.company_id), dead_letter.line)
    tenant = next((name for name in names if name in deleted_tenants), None)
    if tenant is None:
        return dead_letter
    return _build_rejection(record, tenant, is_deleted=deleted_tenants[tenant])


def _build_rejection(record: Record, tenant: str, *, is_deleted: bool) -> DeadLetter:
    company, _, line = tenant.partition(":")
    whose = f"line {line} of company {company}" if line else f"company {company}"
    reason = DELETED if is_deleted else BEING_DELETED
    detail = f"{whose} is {reason.replace('-', ' ')}"
    dead_letter = build_dead_letter(record, reason, detail, company_id=int(company))
    # Reason and detail are replaced, too: those of a too large record have its size and hash.
    return drop_content(replace(dead_letter, reason=reason, detail=detail, line=company))
