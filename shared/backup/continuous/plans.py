"""From which base backup a point in time is reached, and whether the archive goes that far."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.backup.continuous.targets import Target, format_time
from shared.backup.continuous.wal_folder import WalFolder
from shared.backup.continuous.wal_names import Lineage, Run, choose_lineage, format_position
from shared.backup.errors import DamagedBackupError, RefusalError
from shared.backup.manifest import Manifest, WalRange
from shared.backup.programs import find_server_programs


@dataclass(frozen=True, slots=True)
class Plan:
    """A base backup, and how many files of WAL are replayed, over which timelines."""

    folder: str
    manifest: Manifest
    lineage: Lineage
    wal_files: int


def choose_base(bases: Sequence[tuple[str, Manifest]], target: Target) -> tuple[str, Manifest]:
    """Return the newest base backup that ended before the target; raises RefusalError."""
    for folder, manifest in reversed(bases):
        if _is_before(manifest, target):
            return folder, manifest
    first = min(bases, key=lambda each: each[1].finished_at)[1]
    raise RefusalError(
        f"No base backup ended before {target.describe()}: the oldest one leads to "
        f"{format_time(first.finished_at)} and later."
    )


def choose_plan(bases: Sequence[tuple[str, Manifest]], target: Target, archive: WalFolder) -> Plan:
    """Return how a target is reached; raises RefusalError, or DamagedBackupError for a gap."""
    folder, manifest = choose_base(bases, target)
    wal = manifest.wal
    if wal is None:
        raise DamagedBackupError(f"The manifest of {folder} does not say which WAL it needs.")
    lineage = choose_lineage(wal.timeline, wal.stop, archive.read_histories())
    run = archive.find_run(wal, lineage)
    last = run.segments[-1].number if run.segments else -1
    if last < (wal.stop - 1) // wal.segment_bytes:
        raise DamagedBackupError(_describe_end(archive, run, wal))
    if target.position is not None and last < target.position // wal.segment_bytes:
        raise RefusalError(_describe_end(archive, run, wal))
    if target.time is not None:
        _check_time(target, manifest, wal, archive, run)
    if target == Target() and run.missing:
        raise DamagedBackupError(_describe_end(archive, run, wal))
    return Plan(folder, manifest, lineage, len(run.segments))


def _is_before(manifest: Manifest, target: Target) -> bool:
    if target.time is not None:
        return manifest.finished_at <= target.time
    if target.position is not None:
        return manifest.wal is not None and manifest.wal.stop <= target.position
    return True


def _check_time(
    target: Target, manifest: Manifest, wal: WalRange, archive: WalFolder, run: Run
) -> None:
    """Raise RefusalError unless a transaction ended after the target, as Postgres asks for."""
    programs = find_server_programs(manifest.source.server_major, ("pg_waldump",))
    until = archive.find_last_transaction(run, wal.segment_bytes, programs)
    if until is not None and target.time is not None and target.time < until:
        return
    ends = f"with a transaction of {format_time(until)}" if until else "without a transaction"
    raise RefusalError(
        f"The archive ends {ends}{_describe_gap(run, wal)}: recover to a time before that, or "
        "to `latest`. If the server still runs, psql -c 'SELECT pg_switch_wal()' archives the rest."
    )


def _describe_end(archive: WalFolder, run: Run, wal: WalRange) -> str:
    if not run.segments:
        return f"{archive.root} does not have the WAL with which the base backup begins."
    end = (run.segments[-1].number + 1) * wal.segment_bytes
    return (
        f"The archive in {archive.root} goes to {format_position(end)}"
        f"{_describe_gap(run, wal)}: recover to a position before that."
    )


def _describe_gap(run: Run, wal: WalRange) -> str:
    if run.missing is None:
        return ""
    return f", since {run.missing.build_name(wal.segment_bytes)} is missing"
