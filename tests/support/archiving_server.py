"""A Postgres of its own whose WAL is archived, for tests of a recovery to a point in time."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shared.backup.continuous.data_folder import change_owner
from shared.embedded import postgres
from shared.embedded.folders import delete_state
from shared.embedded.postgres import Postgres
from tests.support.chatia import Ended, chatia

PGBACKREST = """
[global]
repo1-path={root}/repo
repo1-retention-full=2
lock-path={root}/lock
log-path={root}/log
log-level-file=off
start-fast=y
compress-type=zst

[chatia]
pg1-path={data}
pg1-port={port}
pg1-socket-path={root}/socket
pg1-user=chatia
"""


@dataclass(frozen=True, slots=True)
class ArchivingServer:
    """The server, the folders of its backups and its WAL, and one for whatever is recovered."""

    server: Postgres
    root: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def wal(self) -> Path:
        return self.root / "wal"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def environment(self) -> dict[str, str]:
        continuous = self.variables or {"CHATIA_WAL_ARCHIVE": str(self.wal)}
        return {
            "DATABASE_URL": self.url,
            "CHATIA_BACKUPS": str(self.backups),
            "TMPDIR": str(self.root),
            **continuous,
        }

    def run(self, *words: str) -> Ended:
        """Run a command of `chatia db`."""
        return chatia("db", *words, environment=self.environment)


@contextmanager
def archiving_server(*, pgbackrest: bool = False, **settings: str) -> Iterator[ArchivingServer]:
    """Start a server with settings, let `chatia db wal enable` change more, and restart it."""
    # Below /tmp, because the account that runs Postgres cannot read pytest's folders.
    root = Path(tempfile.mkdtemp(prefix="chatia-wal-"))
    root.chmod(0o755)
    state = root / "state"
    try:
        more = _prepare_socket(root) if pgbackrest else {}
        server = postgres.start(state, settings=settings | more)
        variables = _configure_pgbackrest(server, root) if pgbackrest else {}
        try:
            started = ArchivingServer(server, root, variables)
            enabled = started.run("wal", "enable", "--timeout", "5")
            assert (enabled.code, enabled.complaint) == (0, "")
            assert "Restart the server: Ctrl-C where `chatia up` runs" in enabled.answer
            server.restart()
            yield started
        finally:
            server.stop()
    finally:
        delete_state(state)
        shutil.rmtree(root, ignore_errors=True)


def _prepare_socket(root: Path) -> dict[str, str]:
    for name in ("socket", "repo", "lock", "log"):
        (root / name).mkdir()
        change_owner(root / name)
    return {"unix_socket_directories": str(root / "socket")}


def _configure_pgbackrest(server: Postgres, root: Path) -> dict[str, str]:
    """Write its configuration, and let it log in without a password by the socket."""
    data = server.cluster.data
    rules = data / "pg_hba.conf"
    rules.write_text(f"local all all trust\n{rules.read_text('utf-8')}", "utf-8")
    server.restart()
    config = root / "pgbackrest.conf"
    config.write_text(PGBACKREST.format(root=root, data=data, port=server.port), "utf-8")
    return {"PGBACKREST_CONFIG": str(config), "CHATIA_PGBACKREST_STANZA": "chatia"}
