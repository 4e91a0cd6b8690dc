"""A new data folder for a server that is recovered."""

import io
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from typing_extensions import override

from shared.backup.continuous.targets import Target, build_recovery_settings, choose_signal_file
from shared.backup.errors import DamagedBackupError, PlaceError, ProgramError, RefusalError
from shared.backup.programs import ClientPrograms, build_program_environment
from shared.embedded.accounts import find_account
from shared.embedded.errors import EmbeddedError

SETTINGS_FILE = "postgresql.auto.conf"
PORT = 5433  # beside the old server


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder is there when it is complete: before, it is made under another name."""

    folder: Path

    @property
    def draft(self) -> Path:
        """Return the folder's name until it is complete."""
        return self.folder.with_name(f".{self.folder.name}.part")

    def check_is_new(self) -> None:
        """Raise RefusalError if the folder has anything in it, or its parent is missing."""
        with _explain(self.folder):
            if not self.folder.parent.is_dir():
                raise RefusalError(f"There is no folder {self.folder.parent}.")
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise RefusalError(
                    f"{self.folder} is not empty: name a new folder; nothing is restored over "
                    "another one."
                )

    @contextmanager
    def being_made(self) -> Iterator[None]:
        """Remove what was made, if the block raises."""
        try:
            yield
        except BaseException:
            shutil.rmtree(self.draft, ignore_errors=True)
            raise

    def make(self) -> None:
        """Make it empty, for the account that runs Postgres."""
        with _explain(self.folder):
            shutil.rmtree(self.draft, ignore_errors=True)
            self.draft.mkdir(mode=0o700)
            change_owner(self.draft)

    def unpack(self, chunks: Iterable[bytes]) -> None:
        """Unpack a tar."""
        self.make()
        with _explain(self.folder):
            read = iter(chunks)
            try:
                with tarfile.open(fileobj=io.BufferedReader(_Chunks(read)), mode="r|") as files:
                    if hasattr(tarfile, "data_filter"):  # not before Python 3.11.4
                        files.extraction_filter = tarfile.data_filter
                    files.extractall(self.draft)  # noqa: S202 - filtered, and our own backup
                for _ in read:
                    pass  # so that all of the file is compared with its sha256
            except tarfile.TarError as error:
                raise DamagedBackupError(f"The base backup is damaged: {error}.") from error

    def verify(self, programs: ClientPrograms) -> None:
        """Let pg_verifybackup compare every file; raises DamagedBackupError."""
        command = [programs.locate("pg_verifybackup"), "--no-parse-wal", "--quiet", str(self.draft)]
        try:
            ended = subprocess.run(  # noqa: S603 - a PostgreSQL program of this machine
                command,
                env=build_program_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise ProgramError(f"{command[0]} cannot be run: {error.strerror}.") from error
        if ended.returncode:
            reason = ended.stderr.strip().splitlines()[0:1]
            raise DamagedBackupError(f"The restored files are damaged: {''.join(reason)}.")

    def finish(self, target: Target, timeline: int, restore_command: str) -> None:
        """Write how Postgres recovers, and give the folder its name."""
        lines = build_recovery_settings(target, timeline, restore_command)
        with _explain(self.folder):
            with (self.draft / SETTINGS_FILE).open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
            (self.draft / choose_signal_file(target)).touch(mode=0o600)
            change_owner(self.draft)
        self.rename()

    def rename(self) -> None:
        """Give the folder its name, when it is complete."""
        with _explain(self.folder):
            own = self.draft / SETTINGS_FILE
            text = own.read_text("utf-8")
            if str(self.draft) in text:  # pgbackrest writes where it restored to
                own.write_text(text.replace(str(self.draft), str(self.folder)), "utf-8")
            if self.folder.exists():
                self.folder.rmdir()
            self.draft.rename(self.folder)


def change_owner(folder: Path) -> None:
    """Give a folder, with all in it, to the account that runs Postgres, if that is another one."""
    try:
        account = find_account()
    except EmbeddedError as error:
        raise RefusalError(str(error)) from error
    if account is None:
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, account)


def describe_next(
    folder: Path, programs: Path, settings: Mapping[str, str], url: str
) -> Sequence[str]:
    """Return what a person does with a recovered folder, in order; `url` is of the old server."""
    account = find_account()
    # Another account is needed only for root, which may have no sudo.
    pg_ctl = f"{f'runuser -u {account} -- ' if account else ''}{programs / 'pg_ctl'}"
    options = f"-p {PORT}"
    if not (folder / "postgresql.conf").exists():  # as on Debian, which keeps it elsewhere
        config = settings.get("config_file", "/etc/postgresql/…/postgresql.conf")
        options += f" -c config_file={config} -c data_directory={folder}"
    log = folder / "server.log"
    asked = "SELECT pg_last_xact_replay_timestamp()"
    return [
        f'Start it beside the old one: {pg_ctl} start -D {folder} -l {log} -o "{options}"',
        f"Look whether the rows are as you expect: {build_psql(url)} -c '{asked}'",
        f"Promote it, from where on it takes writes: {pg_ctl} promote -D {folder}",
        "With DATABASE_URL or DB_* of the recovered server: chatia db recover --finish",
        "Start the workers, look at chatia status, and then: chatia sends resume",
    ]


def build_psql(url: str) -> str:
    """Return psql with the login of a URL at the recovered server's port, without the password."""
    login = make_url(url)
    words = [f"-p {PORT}"]
    words += [
        f"{option} {shlex.quote(value)}"
        for option, value in (("-U", login.username), ("-d", login.database))
        if value
    ]
    return f"psql -h {shlex.quote(_find_host(login))} {' '.join(words)}"


def _find_host(login: URL) -> str:
    host = login.query.get("host", login.host)  # of a Unix socket
    return host if isinstance(host, str) and host else "localhost"


class _Chunks(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = memoryview(b"")

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        part = self._rest[: len(buffer)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)


@contextmanager
def _explain(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlaceError(f"{path} cannot be used: {error.strerror or error}.") from error
