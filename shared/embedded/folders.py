"""The folders of the embedded servers, and the account that owns them.

Postgres refuses to run as root, so for root it runs as an unprivileged account, which cannot read
root's home. So only for root, its data and the extracted binaries are outside the state folder, in
a folder that other accounts can access.
"""

import json
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from platformdirs import user_cache_path

from shared.embedded.accounts import find_account, is_root
from shared.embedded.errors import EmbeddedError

CACHE_VARIABLE = "CHATIA_CACHE"
ROOT_FOLDERS = (Path("/var/lib/chatia-flow"), Path("/var/tmp/chatia-flow"))  # noqa: S108 - owner checked
CLUSTER_FILE = "postgres.json"
OWNER_FILE = "state"
WEBHOOK_SECRET_FILE = "webhook-secret"  # noqa: S105 - a file's name
PART = ".part-"
PART_MAX_AGE_S = 86_400.0


def get_cache_folder() -> Path:
    """Return the user's folder for downloaded files."""
    path = os.environ.get(CACHE_VARIABLE)
    return Path(path).absolute() if path else user_cache_path("chatia-flow")


def get_binaries_folder() -> Path:
    """Return the folder of extracted binaries, readable for the account that runs them."""
    return (_find_root_folder() if is_root() else get_cache_folder()) / "binaries"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Postgres cluster: its folder and the password of its owner."""

    folder: Path
    password: str

    @property
    def data(self) -> Path:
        """Return the data directory of Postgres."""
        return self.folder / "data"

    @classmethod
    def load_or_create(cls, state: Path) -> Self:
        """Return the cluster of a state folder; its id and password are generated once."""
        cluster_file = state / CLUSTER_FILE
        if not cluster_file.exists():
            new = {"id": secrets.token_hex(8), "password": secrets.token_urlsafe(24)}
            write_private_file(cluster_file, json.dumps(new))
        cluster = json.loads(cluster_file.read_text("utf-8"))
        return cls(_get_cluster_folder(state, cluster["id"]), cluster["password"])

    def prepare(self, state: Path) -> None:
        """Create the folder for the account that writes in it; raises if `state` is a copy."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (name := find_account()) is None:
            return
        owner = self.folder / OWNER_FILE
        before = Path(owner.read_text("utf-8")) if owner.exists() else state
        if before.resolve() != state.resolve() and _has_cluster(before, self.folder.name):
            raise EmbeddedError(
                f"{state} is a copy of {before} and would write into the same database: "
                f"delete {state / CLUSTER_FILE} to start with an empty one."
            )
        owner.write_text(str(state.resolve()), "utf-8")
        shutil.chown(self.folder, name)

    def change_owner(self, path: Path) -> None:
        """Make the account that runs Postgres the owner of a file."""
        if (name := find_account()) is not None:
            shutil.chown(path, name)


def keep_webhook_secret(state: Path, given: str) -> str:
    """Return the webhook secret of a state folder, and keep it for the next start.

    It is `given`, if that is not empty, else the one that was kept, else a new one of 64 hex
    digits.
    """
    path = state / WEBHOOK_SECRET_FILE
    kept = path.read_text("utf-8") if path.exists() else ""
    secret = given or kept or secrets.token_hex(32)
    if secret != kept:
        write_private_file(path, secret)
    return secret


def write_private_file(path: Path, text: str) -> None:
    """Write a file that only its owner can read, by a rename."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text, "utf-8")
    draft.replace(path)


def delete_old_parts(folder: Path) -> None:
    """Delete unfinished downloads and extractions that are older than a day."""
    for part in folder.glob(f"{PART}*"):
        if time.time() - part.stat().st_mtime > PART_MAX_AGE_S:
            shutil.rmtree(part, ignore_errors=True)


def delete_state(state: Path) -> None:
    """Delete a state folder, and its cluster if that is elsewhere."""
    cluster_file = state / CLUSTER_FILE
    if cluster_file.exists():
        shutil.rmtree(Cluster.load_or_create(state).folder, ignore_errors=True)
    shutil.rmtree(state, ignore_errors=True)


def delete_orphaned_clusters() -> None:
    """Delete root's clusters whose state folder no longer exists (`make clean`)."""
    if not is_root():
        return
    for owner in (_find_root_folder() / "clusters").glob(f"*/{OWNER_FILE}"):
        state = Path(owner.read_text("utf-8"))
        # If its parent folder is missing, too, it may be on a volume that is not mounted.
        if state.parent.exists() and not _has_cluster(state, owner.parent.name):
            shutil.rmtree(owner.parent, ignore_errors=True)


def _has_cluster(state: Path, cluster_id: str) -> bool:
    cluster_file = state / CLUSTER_FILE
    return cluster_file.exists() and json.loads(cluster_file.read_text("utf-8"))["id"] == cluster_id


def _get_cluster_folder(state: Path, cluster_id: str) -> Path:
    return _find_root_folder() / "clusters" / cluster_id if is_root() else state / "postgres"


def _find_root_folder() -> Path:
    """Return the first folder that root can create, unless another user created it."""
    for root in ROOT_FOLDERS:
        try:
            for folder in (root, root / "clusters", root / "binaries"):
                folder.mkdir(mode=0o755, exist_ok=True)
                folder.chmod(0o755)
        except OSError:
            continue
        if root.stat().st_uid == 0 and not root.is_symlink():
            return root
    raise EmbeddedError(
        f"Neither {ROOT_FOLDERS[0]} nor {ROOT_FOLDERS[1]} can be used for Postgres: "
        "make one of them writable, or run this as another user than root."
    )
