"""Everything that can go wrong here, each said in one sentence that tells what to do."""


class EmbeddedError(Exception):
    """The embedded servers cannot do what was asked."""


class AlreadyRunningError(EmbeddedError):
    """Another process holds this state folder."""


class DownloadError(EmbeddedError):
    """A pinned file could not be had."""


class UnreachableError(DownloadError):
    """The Maven repository does not answer at all."""


class ChecksumError(DownloadError):
    """A file is not the one that the lock file names."""


class StartError(EmbeddedError):
    """A server did not come up, or went away while it was waited for."""
