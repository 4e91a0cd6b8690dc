"""The last good backup, and whether it is too old."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from shared.backup.catalogue import is_good_base, list_backups
from shared.backup.daily import list_good
from shared.backup.errors import BackupError
from shared.backup.places import open_place
from shared.db.bulk import statement
from shared.doctor.findings import Code, Examined, Finding, Limits, Severity, format_seconds
from shared.settings import BackupSettings

FIX = "chatia db backup --daily --keep 7d,4w,12m"

DEPLOYMENT = statement('SELECT uuid FROM "Deployment"')


async def find(examined: Examined) -> list[Finding]:
    """Find out that no backup is known, that the last is old, or that its place is out of reach.

    Backups are those of CHATIA_BACKUPS; they are listed, not read back.
    """
    address = BackupSettings().place
    if not address:
        return [_find_no_place()]
    deployment = (await examined.conn.execute(DEPLOYMENT)).scalar_one_or_none()
    try:
        last = await asyncio.to_thread(find_last_backup, address, deployment)
    except BackupError as error:
        return [_find_no_backup(f"The backups in {address} cannot be listed: {error}")]
    age_s = (datetime.now(UTC) - last).total_seconds() if last else None
    return list(judge_backup(address, age_s, examined.limits))


def find_last_backup(address: str, deployment: UUID | None) -> datetime | None:
    """Return when the last good full or base backup of a deployment began; None if there is none.

    Raises shared.backup.errors.BackupError if the place cannot be read.
    """
    entries = list_backups(open_place(address))
    bases = [
        each
        for each in entries
        if is_good_base(each) and each.manifest and each.manifest.source.deployment == deployment
    ]
    good = [*list_good(entries, deployment), *bases]
    return max((each.begun_at for each in good), default=None)


def judge_backup(address: str, age_s: float | None, limits: Limits) -> Iterator[Finding]:
    """Yield a finding if a place has no good backup, or only one of more than a day."""
    if age_s is None:
        yield _find_no_backup(f"{address} has no good full or base backup of this database.")
    elif age_s > limits.backup_age_s:
        yield Finding(
            Code.BACKUP_OLD,
            Severity.WARNING,
            f"The last good backup is {format_seconds(age_s)} old.",
            "The daily backup did not run, or failed.",
            FIX,
        )


def _find_no_backup(sentence: str) -> Finding:
    return Finding(
        Code.BACKUP_UNKNOWN,
        Severity.WARNING,
        sentence,
        "The daily backup did not run, failed, or went elsewhere than CHATIA_BACKUPS says.",
        FIX,
    )


def _find_no_place() -> Finding:
    return Finding(
        Code.BACKUP_UNKNOWN,
        Severity.NOTICE,
        "No backup is known.",
        "CHATIA_BACKUPS is not set. Backups of your server or provider are not seen.",
        f"CHATIA_BACKUPS=… {FIX}",
    )
