"""The backup of a day, and the removal of old ones: what a timer or cron calls."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.backup.catalogue import Entry, list_backups
from shared.backup.creation import Backup, BackupOrder, Progress, create_backup
from shared.backup.manifest import Kind
from shared.backup.places import Place
from shared.backup.restoration import check_file
from shared.backup.retention import Keep, choose_kept
from shared.backup.snapshot import open_snapshot

LEFTOVER_AGE = timedelta(days=2)  # no backup is still being made after that


@dataclass(frozen=True, slots=True)
class Daily:
    """What was done: the new backup, or the one that there was; and the folders removed."""

    backup: Backup
    is_new: bool
    removed: Sequence[str]


async def back_up_daily(
    url: str,
    place: Place,
    order: BackupOrder,
    keep: Keep | None,
    progress: Progress = lambda _read, _all: None,
) -> Daily:
    """Make a full backup unless there is one of today (in UTC), then remove old ones.

    Only good full backups of the same deployment are counted, and removed. Nothing is removed
    unless the newest one was read back and is what its manifest says.
    """
    async with open_snapshot(url) as snapshot:
        deployment = snapshot.source.deployment
    entries = await asyncio.to_thread(list_backups, place)
    backup = _find_of_today(entries, deployment, datetime.now(UTC))
    is_new = backup is None
    if backup is None:
        backup = await create_backup(url, place, order, progress)
    removed: Sequence[str] = []
    if keep:
        removed = await asyncio.to_thread(prune, place, backup, keep, datetime.now(UTC))
    return Daily(backup, is_new, removed)


def prune(place: Place, newest: Backup, keep: Keep, now: datetime) -> list[str]:
    """Remove old backups, and what was cut off days ago; return their folders.

    Raises DamagedBackupError, and removes nothing, if the newest backup cannot be read back.
    """
    check_file(place, newest.folder, newest.manifest, lambda _read, _all: None)
    entries = list_backups(place)
    removed = choose_removed(entries, newest.manifest.source.deployment, keep, now)
    for folder in removed:
        place.remove(folder)
    return removed


def choose_removed(
    entries: Sequence[Entry], deployment: UUID | None, keep: Keep, now: datetime
) -> list[str]:
    """Return the folders to remove: old full backups of the deployment, and cut-off ones.

    A backup that is damaged is left to a person.
    """
    good = list_good(entries, deployment)
    kept = choose_kept([each.begun_at for each in good], keep)
    old = [each.folder for each in good if each.begun_at not in kept]
    cut_off = [
        each.folder for each in entries if each.is_cut_off and now - each.begun_at > LEFTOVER_AGE
    ]
    return [*old, *cut_off]


def _find_of_today(
    entries: Sequence[Entry], deployment: UUID | None, now: datetime
) -> Backup | None:
    for each in reversed(list_good(entries, deployment)):
        if each.begun_at.date() == now.date() and each.manifest:
            return Backup(each.folder, each.manifest)
    return None


def list_good(entries: Sequence[Entry], deployment: UUID | None) -> list[Entry]:
    """Return the good full backups of a deployment."""
    return [
        each
        for each in entries
        if each.manifest
        and not each.trouble
        and each.manifest.kind is Kind.FULL
        and each.manifest.source.deployment == deployment
    ]
