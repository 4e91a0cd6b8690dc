"""Checks of BSUIDs: each is that of the contact whose number was beside it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import text

from shared.dev.demo.records import SampleRecord
from tests.faults.findings import LOST, WRONG, Finding

USER_IDS = text("""
SELECT u."companyId" AS company_id, u."userId" AS user_id, u.number, c.number AS of_contact
FROM "BusinessUserIds" u
LEFT JOIN "Contacts" named ON named."companyId" = u."companyId" AND named.id = u."contactId"
LEFT JOIN "Contacts" c ON c."companyId" = u."companyId"
                      AND c.id = COALESCE(named."mergedIntoContactId", named.id)
WHERE u."companyId" = ANY (CAST(:company_ids AS int[]))
""")

Key = tuple[int, str]  # company and BSUID


def check_user_ids(
    records: Iterable[SampleRecord], topic: str, rows: Iterable[Any]
) -> list[Finding]:
    """Return the BSUIDs of chats that are missing, and those of another number or contact."""
    published = dict(_list_published(records, topic))
    found = {(row.company_id, row.user_id): row for row in rows}
    missing = [Finding(LOST, f"no row of BSUID {key}") for key in published.keys() - found.keys()]
    wrong = [
        Finding(WRONG, f"BSUID {key} has number {row.number}, its contact {row.of_contact}")
        for key, row in found.items()
        if {row.number, row.of_contact} != {published.get(key, row.user_id.partition(".")[2])}
    ]
    return missing + wrong


def _list_published(records: Iterable[SampleRecord], topic: str) -> Iterator[tuple[Key, str]]:
    for record in records:
        if record.topic == topic and record.value and not record.dead_reason:
            event = json.loads(record.value)
            if event.get("bsuid"):
                yield (event["companyId"], event["bsuid"]), event["chat"]
