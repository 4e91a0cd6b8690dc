"""What `chatia db doctor` can find: a closed list of codes, and what a finding says."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.settings import Settings

MB = 2**20
GB = 2**30


class Severity(StrEnum):
    """How urgent a finding is."""

    ERROR = "error"  # messages are not handled, or rows may be lost
    WARNING = "warning"  # it is slow, or becomes an error if nobody does anything
    NOTICE = "notice"  # something is not known, or could be better


class Code(StrEnum):
    """Every kind of finding."""

    UNREACHABLE = "unreachable"
    HOST_NOT_FOUND = "host-not-found"
    NO_ANSWER = "no-answer"
    TLS_FAILED = "tls-failed"
    LOGIN_REFUSED = "login-refused"
    DATABASE_MISSING = "database-missing"
    CONNECTIONS_USED_UP = "connections-used-up"
    NOT_READY = "not-ready"
    CONNECT_FAILED = "connect-failed"
    CHECK_FAILED = "check-failed"

    SCHEMA_MISSING = "schema-missing"
    MIGRATIONS_PENDING = "migrations-pending"
    REVISION_UNKNOWN = "revision-unknown"
    MIGRATION_RUNNING = "migration-running"
    TABLE_MISSING = "table-missing"
    INDEX_MISSING = "index-missing"
    INDEX_INVALID = "index-invalid"
    CONSTRAINT_NOT_VALID = "constraint-not-valid"
    SEARCH_INDEX_MISSING = "search-index-missing"

    ROLES_MISSING = "roles-missing"
    GRANTS_MISSING = "grants-missing"
    POLICIES_DIFFER = "policies-differ"
    PARTLY_VISIBLE = "partly-visible"

    STATISTICS_MISSING = "statistics-missing"
    STATISTICS_STALE = "statistics-stale"
    DEAD_ROWS = "dead-rows"
    TABLE_BLOAT = "table-bloat"
    INDEX_BLOAT = "index-bloat"
    WRAPAROUND = "wraparound"

    LONG_TRANSACTION = "long-transaction"
    PREPARED_TRANSACTION = "prepared-transaction"
    LOCK_CHAIN = "lock-chain"
    CONNECTIONS_SHORT = "connections-short"

    SLOT_HOLDS_WAL = "slot-holds-wal"
    ARCHIVE_FAILS = "archive-fails"
    READ_ONLY = "read-only"
    BACKUP_UNKNOWN = "backup-unknown"
    BACKUP_OLD = "backup-old"

    SETTING_UNSAFE = "setting-unsafe"
    SETTING_SMALL = "setting-small"
    DATA_CORRUPT = "data-corrupt"
    CLOCK_SKEW = "clock-skew"
    DISK_LOW = "disk-low"
    DISK_UNKNOWN = "disk-unknown"

    RECOVERY_UNFINISHED = "recovery-unfinished"
    CHECKPOINT_BEHIND_LOG = "checkpoint-behind-log"
    CHECKPOINT_BEYOND_LOG = "checkpoint-beyond-log"
    KAFKA_UNKNOWN = "kafka-unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: what is so, why it is so or matters, and the command that ends it."""

    code: Code
    severity: Severity
    sentence: str
    cause: str
    fix: str


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a measured value is a finding; seconds, bytes, shares from 0 to 1, rows."""

    long_transaction_s: float = 300
    lock_wait_s: float = 3
    dead_rows: int = 10_000
    dead_share: float = 0.3
    unanalyzed_bytes: int = MB // 2
    stale_rows: int = 1_000
    stale_share: float = 0.5
    bloat_bytes: int = 64 * MB
    bloat_share: float = 0.5
    slot_bytes: int = GB
    clock_skew_s: float = 2
    disk_warning_share: float = 0.1
    disk_warning_bytes: int = 20 * GB
    disk_error_share: float = 0.05
    disk_error_bytes: int = 2 * GB
    backup_age_s: float = 26 * 3600


@dataclass(frozen=True, slots=True)
class Examined:
    """What a check examines: a connection in autocommit mode, the settings, the limits."""

    conn: AsyncConnection
    settings: Settings
    limits: Limits


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, the most urgent first; `checks` are the names of those that ran."""

    at: datetime
    seconds: float
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def is_healthy(self) -> bool:
        """Return whether there are no errors and no warnings; there may be notices."""
        return all(finding.severity is Severity.NOTICE for finding in self.findings)


def quote_argument(word: str) -> str:
    """Return a name as one word of a shell command."""
    return f"'{word}'" if not word.replace("_", "").isalnum() else word


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 row` or `12,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_bytes(number: float) -> str:
    """Return a number of bytes with a unit of 1024, such as `1.5 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1024:  # noqa: PLR2004
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"  # noqa: PLR2004
        number /= 1024
    return f"{number:.1f} TB"


def format_seconds(seconds: float) -> str:
    """Return a duration in its largest unit, such as `45 s`, `3 min`, `2 h` or `4 days`."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
