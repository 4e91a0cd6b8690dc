"""Errors of backups and restores; each message is a sentence that says what to do."""


class BackupError(Exception):
    """A backup or a restore cannot be done."""


class ProgramError(BackupError):
    """A program of PostgreSQL, or of encryption, is missing, too old, or failed."""


class PlaceError(BackupError):
    """A folder or an object store cannot be read or written."""


class UnknownPlaceError(BackupError):
    """An address is neither a folder nor that of an object store."""


class ForeignBackupError(BackupError):
    """What is to be restored is no backup of this program."""


class DamagedBackupError(BackupError):
    """A backup was cut off, or its files are not what its manifest says."""


class RefusalError(BackupError):
    """The database or the backup is not such that this can be done."""


class BusyDatabaseError(BackupError):
    """Another process changes the schema."""
