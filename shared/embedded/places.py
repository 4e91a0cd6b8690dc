"""Which folder holds what, and which account may read it.

Postgres refuses to run as root, so root hands it to an unprivileged account; that account can read
neither root's home nor whatever lies below it. So for root, and only for root, the Postgres data
and the extracted binaries live outside the state folder, in a place that every account can pass.
"""

import json
import os
import pwd
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from platformdirs import user_cache_path

from shared.embedded.errors import EmbeddedError

CACHE_VARIABLE = "CHATIA_CACHE"
ACCOUNTS = ("postgres", "nobody")
ROOTS_PLACES = (Path("/var/lib/chatia-flow"), Path("/var/tmp/chatia-flow"))  # noqa: S108 - owner checked
CLUSTER_FILE = "postgres.json"
OWNER_FILE = "state"
PART = ".part-"
OLD_S = 86_400.0


def cache() -> Path:
    """Name the user's own folder for what was fetched."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).absolute() if named else user_cache_path("chatia-flow")


def is_root() -> bool:
    """Say whether Postgres has to be handed to another account."""
    return os.geteuid() == 0


def account() -> str | None:
    """Name the account that runs Postgres; None where it is the caller's own."""
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


def binaries() -> Path:
    """Name the folder of extracted binaries, readable for the account that runs them."""
    return (_roots_place() if is_root() else cache()) / "binaries"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Postgres data folder and the password that was made for it."""

    folder: Path
    password: str

    @property
    def data(self) -> Path:
        """The folder that Postgres calls its data directory."""
        return self.folder / "data"

    @classmethod
    def of(cls, state: Path) -> Self:
        """Find the cluster of this state folder; its password is made the first time."""
        kept = state / CLUSTER_FILE
        if not kept.exists():
            fresh = {"id": secrets.token_hex(8), "password": secrets.token_urlsafe(24)}
            write_private(kept, json.dumps(fresh))
        known = json.loads(kept.read_text("utf-8"))
        return cls(_cluster_folder(state, known["id"]), known["password"])

    def prepare(self, state: Path) -> None:
        """Make the folder, for the account that will write in it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (name := account()) is None:
            return
        owner = self.folder / OWNER_FILE
        before = Path(owner.read_text("utf-8")) if owner.exists() else state
        if before.resolve() != state.resolve() and _owns(before, self.folder.name):
            raise EmbeddedError(
                f"{state} is a copy of {before} and would write into the same database: "
                f"delete {state / CLUSTER_FILE} to start with an empty one."
            )
        owner.write_text(str(state.resolve()), "utf-8")
        shutil.chown(self.folder, name)

    def give(self, path: Path) -> None:
        """Hand a file to the account that runs Postgres."""
        if (name := account()) is not None:
            shutil.chown(path, name)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text, "utf-8")
    draft.replace(path)


def drop_old_parts(folder: Path) -> None:
    """Delete what a fetch or an extraction left half done, once nobody can still be at it."""
    for part in folder.glob(f"{PART}*"):
        if time.time() - part.stat().st_mtime > OLD_S:
            shutil.rmtree(part, ignore_errors=True)


def remove(state: Path) -> None:
    """Delete a state folder with everything that belongs to it, also what lies elsewhere."""
    kept = state / CLUSTER_FILE
    if kept.exists():
        shutil.rmtree(Cluster.of(state).folder, ignore_errors=True)
    shutil.rmtree(state, ignore_errors=True)


def sweep() -> None:
    """Delete root's clusters whose state folder was deleted (`make clean`)."""
    if not is_root():
        return
    for owner in (_roots_place() / "clusters").glob(f"*/{OWNER_FILE}"):
        state = Path(owner.read_text("utf-8"))
        # Without its parent it may be a volume that is only not mounted now.
        if state.parent.exists() and not _owns(state, owner.parent.name):
            shutil.rmtree(owner.parent, ignore_errors=True)


def _owns(state: Path, identity: str) -> bool:
    kept = state / CLUSTER_FILE
    return kept.exists() and json.loads(kept.read_text("utf-8"))["id"] == identity


def _cluster_folder(state: Path, identity: str) -> Path:
    return _roots_place() / "clusters" / identity if is_root() else state / "postgres"


def _roots_place() -> Path:
    """Take the first place that root can have, unless somebody else made it."""
    for place in ROOTS_PLACES:
        try:
            for folder in (place, place / "clusters", place / "binaries"):
                folder.mkdir(mode=0o755, exist_ok=True)
                folder.chmod(0o755)
        except OSError:
            continue
        if place.stat().st_uid == 0 and not place.is_symlink():
            return place
    raise EmbeddedError(
        f"Neither {ROOTS_PLACES[0]} nor {ROOTS_PLACES[1]} can be had for Postgres: "
        "make one of them writable, or run this as another user than root."
    )
