"""Base backups and an archive of WAL by pgbackrest, which an operator has set up with a stanza."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.backup.continuous import server
from shared.backup.continuous.data_folder import DataFolder
from shared.backup.continuous.port import BaseBackup, Progress, Recovered, Verified
from shared.backup.continuous.targets import Target, format_setting_time, format_time, has_end
from shared.backup.continuous.wal_names import format_position, parse_position
from shared.backup.errors import DamagedBackupError, ProgramError, RefusalError
from shared.backup.programs import build_program_environment
from shared.db.engine import create_unpooled_engine
from shared.embedded.accounts import find_account

PROGRAM = "pgbackrest"
OWN_VARIABLES, CONFIG = "PGBACKREST_", "PGBACKREST_CONFIG"
RETENTION = ("--repo1-retention-full-type=count",)
# Beginning with this version it knows the server's version; Debian 12 has 2.45.
LEAST = {16: (2, 48), 17: (2, 54), 18: (2, 55)}


@dataclass(frozen=True, slots=True)
class PgBackRest:
    """A stanza: the repository and the server are those of pgbackrest's own configuration."""

    stanza: str

    @property
    def archive_command(self) -> str:
        """Return the command that pgbackrest documents, with its path: the server may have none."""
        return " ".join([*_build_words(), f"--stanza={self.stanza}", "archive-push", "%p"])

    def prepare(self, owner: int | None) -> None:  # noqa: ARG002 - as the port has it
        """Create the stanza; if it is there, pgbackrest checks it."""
        self._run("stanza-create")

    async def create_base(self, url: str, progress: Progress) -> BaseBackup:  # noqa: ARG002 - it reports none
        """Make a full backup; pgbackrest compares checksums while it copies."""
        engine = create_unpooled_engine(url, "chatia db base-backup")
        async with engine.connect() as conn:
            await server.check_archiving(conn)
            settings = await server.read_settings(conn)
            major = int(await conn.scalar(server.MAJOR) or 0)
        if refusal := find_version_refusal(major, self.read_version()):
            raise ProgramError(refusal)
        await asyncio.to_thread(self._run, "check")
        await asyncio.to_thread(self._run, "backup", "--type=full")
        made = (await asyncio.to_thread(self._list_bases))[-1]
        return parse_base(made.raw, made.major, self.stanza, settings)

    def remove_old(self, kept: int) -> Sequence[str]:
        """Let pgbackrest expire old backups, with their WAL."""
        before = {each.name for each in self._list_bases()}
        self._run("expire", f"--repo1-retention-full={kept}", *RETENTION)
        return sorted(before - {each.name for each in self._list_bases()})

    def verify(self, progress: Progress) -> Verified:  # noqa: ARG002 - it reports none
        """Let pgbackrest read every file of its repository, and the WAL."""
        base = self._list_bases()[-1]
        printed = self._run("verify")
        if problem := find_problem(printed):
            raise DamagedBackupError(f"pgbackrest found its repository damaged: {problem}.")
        remarks = ["pgbackrest verified its whole repository."]
        return Verified(base.describe(self.stanza), 0, 0, None, remarks)

    def recover(self, target: Target, folder: Path, progress: Progress) -> Recovered:  # noqa: ARG002 - it reports none
        """Let pgbackrest restore the backup before the target, with the settings for recovery."""
        data = DataFolder(folder)
        data.check_is_new()
        base = choose_base(self._list_bases(), target, self.stanza)
        options = build_restore_options(target)
        with data.being_made():
            data.make()
            self._run("restore", f"--pg1-path={data.draft}", f"--set={base.name}", *options)
            data.rename()
        return Recovered(base, folder, 0)

    def read_version(self) -> tuple[int, ...]:
        """Return the version of the program."""
        words = self._run("version", has_stanza=False).split()
        try:
            return tuple(int(part) for part in words[-1].split("."))
        except (ValueError, IndexError):
            return ()

    def _list_bases(self) -> "list[_Base]":
        """Return the good backups, the oldest first; raises RefusalError if there is none."""
        found = list_bases(json.loads(self._run("info", "--output=json") or "[]"))
        if not found:
            raise RefusalError(
                f"The stanza {self.stanza} has no good backup: run `chatia db base-backup`."
            )
        return found

    def _run(self, command: str, *options: str, has_stanza: bool = True) -> str:
        """Run pgbackrest under the server's account; return what it prints."""
        stanza = [f"--stanza={self.stanza}"] if has_stanza else []
        level = ["--log-level-console=warn", "--log-level-stderr=warn"] if has_stanza else []
        own = {name: text for name, text in os.environ.items() if name.startswith(OWN_VARIABLES)}
        try:
            ended = subprocess.run(  # noqa: S603 - a fixed program, never a shell
                [*_build_words(), *stanza, *level, *options, command],
                env=build_program_environment() | own,
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                user=find_account(),
            )
        except OSError as error:
            raise ProgramError(
                f"pgbackrest cannot be run ({error.strerror}): install it, or unset "
                "CHATIA_PGBACKREST_STANZA for plain base backups."
            ) from error
        if ended.returncode:
            raise ProgramError(describe_failure(command, ended.returncode, ended.stderr))
        return ended.stdout


def _build_words() -> list[str]:
    """Return the program and its configuration, which it also writes into what it restores."""
    config = os.environ.get(CONFIG)
    return [shutil.which(PROGRAM) or PROGRAM, *([f"--config={config}"] if config else [])]


@dataclass(frozen=True, slots=True)
class _Base:
    """A backup as `pgbackrest info` has it."""

    raw: Mapping[str, Any]
    major: int

    @property
    def name(self) -> str:
        return str(self.raw["label"])

    @property
    def stop(self) -> datetime:
        return read_stop(self.raw)

    @property
    def stop_position(self) -> int:
        return parse_position(self.raw["lsn"]["stop"])

    def describe(self, stanza: str) -> BaseBackup:
        return parse_base(self.raw, self.major, stanza, {})


def list_bases(info: Sequence[Mapping[str, Any]]) -> list[_Base]:
    """Return the good backups of what `pgbackrest info --output=json` prints, the oldest first."""
    found = [
        _Base(backup, majors[backup["database"]["id"]])
        for stanza in info
        for majors in [{db["id"]: int(db["version"].split(".")[0]) for db in stanza["db"]}]
        for backup in stanza["backup"]
        if not backup.get("error")
    ]
    return sorted(found, key=lambda base: base.stop)


def parse_base(
    raw: Mapping[str, Any], major: int, stanza: str, settings: Mapping[str, str]
) -> BaseBackup:
    """Return a backup of `pgbackrest info`."""
    return BaseBackup(
        name=str(raw["label"]),
        where=f"stanza {stanza}, {raw['label']}",
        started_at=datetime.fromtimestamp(raw["timestamp"]["start"], UTC),
        finished_at=read_stop(raw),
        stored_bytes=int(raw["info"]["repository"]["delta"]),
        server_major=major,
        settings=settings,
    )


def read_stop(raw: Mapping[str, Any]) -> datetime:
    """Return a time at which a backup of `pgbackrest info` had ended, which rounds it down."""
    return datetime.fromtimestamp(raw["timestamp"]["stop"] + 1, UTC)


def choose_base(bases: Sequence[_Base], target: Target, stanza: str) -> BaseBackup:
    """Return the newest backup that ended before a target; raises RefusalError."""
    for base in reversed(bases):
        if target.time is not None and base.stop > target.time:
            continue
        if target.position is not None and base.stop_position > target.position:
            continue
        return base.describe(stanza)
    raise RefusalError(
        f"No base backup ended before {target.describe()}: the oldest one leads to "
        f"{format_time(bases[0].stop)} and later."
    )


def build_restore_options(target: Target) -> list[str]:
    """Return the options by which pgbackrest tells Postgres the target."""
    if not has_end(target):
        return ["--type=standby"]
    if target.time is not None:
        return [
            "--type=time",
            f"--target={format_setting_time(target.time)}",
            "--target-action=pause",
        ]
    position = format_position(target.position or 0)
    return ["--type=lsn", f"--target={position}", "--target-action=pause"]


def find_version_refusal(server_major: int, version: tuple[int, ...]) -> str:
    """Return in a sentence that pgbackrest is too old for a server; empty if it is not."""
    least = LEAST.get(server_major, (0,))
    if version >= least:
        return ""
    needed, here = (".".join(str(part) for part in each) for each in (least, version))
    return f"pgbackrest {here} does not know PostgreSQL {server_major}: it needs {needed} or newer."


def find_problem(printed: str) -> str:
    """Return what `pgbackrest verify` complains of; empty if nothing."""
    lines = (line.strip() for line in printed.splitlines())
    return next((line for line in lines if "ERROR" in line or line.startswith("status: error")), "")


def describe_failure(command: str, code: int, complaint: str) -> str:
    """Return a sentence about a run that failed."""
    errors = [line for line in complaint.splitlines() if "ERROR" in line]
    reason = errors[0].partition("ERROR:")[2].strip().rstrip(".") if errors else f"exit code {code}"
    return f"pgbackrest {command} failed: {reason}."
