"""To which point a database is recovered, and what Postgres has to be told for it; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.backup.continuous.wal_names import format_position, parse_position

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Target:
    """A time, a position of the WAL, or neither: as far as the archive goes."""

    time: datetime | None = None
    position: int | None = None

    def describe(self) -> str:
        """Return it as one would write it."""
        if self.time is not None:
            return format_time(self.time)
        return LATEST if self.position is None else format_position(self.position)


def parse_target(written: str) -> Target:
    """Parse a time with its zone, a position of the WAL, or `latest`.

    Raises ValueError for anything else. A time without a zone is refused, because the server, this
    machine and the person may each have another one.
    """
    if written == LATEST:
        return Target()
    if "/" in written:
        return Target(position=parse_position(written))
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        msg = f"{written!r} is no time such as 2026-11-30T14:05:00Z, no position of the WAL such "
        msg += f"as 16/B374D848, and not `{LATEST}`"
        raise ValueError(msg) from None
    if time.tzinfo is None:
        msg = f"{written!r} has no time zone: write {written}Z for UTC, or {written}-03:00"
        raise ValueError(msg)
    return Target(time=time.astimezone(UTC))


def check_is_past(target: Target, now: datetime) -> None:
    """Raise ValueError for a time that is to come."""
    if target.time is not None and target.time > now:
        msg = f"{target.describe()} is in the future: it is {format_time(now)} now"
        raise ValueError(msg)


def format_time(time: datetime) -> str:
    """Return a time in UTC with all its microseconds, as `--to` reads it."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def format_setting_time(time: datetime) -> str:
    """Return a time as settings of Postgres have it, which know no zone `Z`."""
    return time.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")


def build_recovery_settings(target: Target, timeline: int, restore_command: str) -> Sequence[str]:
    """Return the lines of a configuration file that recover a server to a target.

    It stays open for readers there, until a person promotes it.
    """
    settings = {"restore_command": restore_command, "recovery_target_timeline": str(timeline)}
    if target.time is not None:
        settings["recovery_target_time"] = format_setting_time(target.time)
    elif target.position is not None:
        settings["recovery_target_lsn"] = format_position(target.position)
    if has_end(target):
        settings["recovery_target_action"] = "pause"
    return [f"{name} = {quote_setting(value)}" for name, value in settings.items()]


def has_end(target: Target) -> bool:
    """Return whether the recovery ends at a point, and not where the archive does."""
    return target.time is not None or target.position is not None


def choose_signal_file(target: Target) -> str:
    """Return the file that makes Postgres recover.

    Without an end Postgres would promote itself at the end of the archive; a standby waits.
    """
    return "recovery.signal" if has_end(target) else "standby.signal"


def quote_setting(value: str) -> str:
    """Return a value as a configuration file has it."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
