"""The columns of a contact that are published in `contact.saved`."""

from typing import Any

from sqlalchemy import Row

from shared.contracts.contact import ContactSaved

STATE_COLUMNS = """c.id, c."companyId", c.number, c.lid, c.jid, c.name, c."isGroup",
          COALESCE(c.active, TRUE) AS active, c.email,
          c.blocked, c."disableBot", c."acceptAudioMessage",
          CAST(extract(epoch FROM c."updatedAt") * 1000000 AS bigint) AS version"""


def read_state(row: Row[Any]) -> ContactSaved:
    """Return the fact of a row with STATE_COLUMNS."""
    return ContactSaved(
        company_id=row.companyId,
        contact_id=row.id,
        version=row.version,
        name=row.name,
        number=row.number,
        lid=row.lid,
        jid=row.jid,
        is_group=row.isGroup,
        active=row.active,
        email=row.email,
        blocked=row.blocked,
        disable_bot=row.disableBot,
        accept_audio_message=row.acceptAudioMessage,
    )
