"""The account that runs Postgres, which refuses to run as root."""

import os
import pwd

from shared.embedded.errors import EmbeddedError

ACCOUNTS = ("postgres", "nobody")


def is_root() -> bool:
    """Return whether Postgres has to run as another account."""
    return os.geteuid() == 0


def find_account() -> str | None:
    """Return the account that runs Postgres; None if it is the caller's own."""
    if not is_root():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ACCOUNTS:
        if name in names:
            return name
    raise EmbeddedError(
        "Postgres refuses to run as root and there is no account `postgres` or `nobody`: "
        "run this as another user, or create one of them."
    )
