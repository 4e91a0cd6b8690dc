"""The last good backup, and whether it is too old."""

from collections.abc import Iterator
from datetime import datetime

from shared.doctor.findings import Code, Examined, Finding, Limits, Severity, format_seconds

FIX = "chatia db backup"


async def find(examined: Examined) -> list[Finding]:
    """Find out that there is no backup, or only an old one."""
    last = await find_last_backup(examined)
    now = datetime.now(last.tzinfo) if last else None
    age_s = (now - last).total_seconds() if now and last else None
    return list(judge_backup(age_s, examined.limits))


async def find_last_backup(examined: Examined) -> datetime | None:
    """Return when the last good backup was made; None if no backup is known.

    No backups are recorded yet, so none is known.
    """
    del examined
    return None


def judge_backup(age_s: float | None, limits: Limits) -> Iterator[Finding]:
    """Yield a finding for an unknown backup, or one of more than a day."""
    if age_s is None:
        yield Finding(
            Code.BACKUP_UNKNOWN,
            Severity.NOTICE,
            "No backup is known.",
            "None was made by ChatIA Flow. Backups of your server or provider are not seen.",
            FIX,
        )
    elif age_s > limits.backup_age_s:
        yield Finding(
            Code.BACKUP_OLD,
            Severity.WARNING,
            f"The last good backup was made {format_seconds(age_s)} ago.",
            "The daily backup did not run, or failed.",
            FIX,
        )
