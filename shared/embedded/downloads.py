"""The pinned files: named by coordinates, known by sha256, fetched once, kept for the user."""

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext, PythonResolver

from shared.embedded import places
from shared.embedded.errors import ChecksumError, DownloadError, UnreachableError
from shared.embedded.progress import Advance, Reporter

MIRROR_VARIABLE = "CHATIA_MAVEN_REPOSITORY"
TIMEOUT_S = 30
AT_ONCE = 4  # the files are many and small: waiting for answers is what takes time


@dataclass(frozen=True, slots=True)
class Pin:
    """One file: where Maven keeps it and what it must be."""

    coordinates: str
    sha256: str
    size: int

    def artifact(self, context: MavenContext) -> Artifact:
        """Return the file as jgo knows it."""
        group, name, version, classifier = (*self.coordinates.split(":"), "")[:4]
        return context.project(group, name).at_version(version).artifact(classifier)

    def path(self, cache: Path) -> Path:
        """Where it is kept."""
        kept = self.artifact(MavenContext(repo_cache=cache / "maven")).cached_path
        if kept is None:
            raise DownloadError(f"{self.coordinates} has no place in the cache.")
        return kept


def read_pins(lock_file: Path) -> tuple[Pin, ...]:
    """Read a lock file, one pin a line: coordinates, sha256, bytes."""
    lines = (line.split() for line in lock_file.read_text("utf-8").splitlines())
    return tuple(Pin(line[0], line[1], int(line[2])) for line in lines if line and line[0] != "#")


def fetch(pins: Sequence[Pin], what: str, cache: Path, progress: Reporter) -> list[Path]:
    """Return every file of `pins`, checked; only what is missing or wrong is fetched."""
    missing = [pin for pin in pins if not _is_right(pin.path(cache), pin)]
    if missing:
        (cache / "maven").mkdir(parents=True, exist_ok=True)
        places.drop_old_parts(cache / "maven")
        with progress.download(what, sum(pin.size for pin in missing)) as advance:
            _download_all(missing, cache, advance)
    return [pin.path(cache) for pin in pins]


def _download_all(pins: Sequence[Pin], cache: Path, advance: Advance) -> None:
    """Fetch some at a time; after a failure or a Ctrl-C the others end at their next bytes."""
    given_up = threading.Event()

    def count(received: int) -> None:
        if given_up.is_set():
            raise DownloadError("The download was given up.")
        advance(received)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(_download, pin, cache, count) for pin in pins]
        try:
            for each in as_completed(running):
                each.result()
        except BaseException:
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def sha256(path: Path) -> str:
    """Compute the sum that a lock file holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def context(repo_cache: Path, advance: Advance = lambda _: None) -> MavenContext:
    """Make a Maven that asks the operator's mirror where there is one, else Maven Central."""

    @contextmanager
    def watched(_name: str, _total: int) -> Iterator[Advance]:
        yield advance

    mirror = os.environ.get(MIRROR_VARIABLE)
    return MavenContext(
        resolver=PythonResolver(progress_callback=watched),
        repo_cache=repo_cache,
        remote_repos={"central": mirror.rstrip("/")} if mirror else None,
        timeout=TIMEOUT_S,
    )


def _is_right(path: Path, pin: Pin) -> bool:
    return path.is_file() and path.stat().st_size == pin.size and sha256(path) == pin.sha256


def _download(pin: Pin, cache: Path, advance: Advance) -> None:
    """Fetch into a folder of its own and move into place: no one sees half a file."""
    with tempfile.TemporaryDirectory(prefix=places.PART, dir=cache / "maven") as part:
        try:
            got = pin.artifact(context(Path(part), advance)).resolve()
        except (requests.ConnectionError, requests.Timeout) as error:
            raise UnreachableError(
                f"The Maven repository cannot be reached for {pin.coordinates}: "
                f"check the network, or set {MIRROR_VARIABLE} to a mirror."
            ) from error
        except (requests.RequestException, RuntimeError, OSError) as error:
            raise DownloadError(f"{pin.coordinates} cannot be fetched: {error}") from error
        if (found := sha256(got)) != pin.sha256:
            raise ChecksumError(
                f"{pin.coordinates} was fetched with sha256 {found} instead of {pin.sha256}: "
                "it was thrown away; try again, or check the mirror."
            )
        target = pin.path(cache)
        target.parent.mkdir(parents=True, exist_ok=True)
        got.replace(target)
