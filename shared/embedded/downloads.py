"""Downloads pinned files from a Maven repository, checks their sha256, and caches them."""

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

from shared.embedded import folders
from shared.embedded.errors import ChecksumError, DownloadError, UnreachableError
from shared.embedded.progress import Advance, Reporter

MIRROR_VARIABLE = "CHATIA_MAVEN_REPOSITORY"
TIMEOUT_S = 30
AT_ONCE = 4  # parallel downloads: the files are small, most of the time is latency


@dataclass(frozen=True, slots=True)
class Pin:
    """A file in Maven: its coordinates, sha256 and bytes."""

    coordinates: str
    sha256: str
    size: int

    def find_artifact(self, context: MavenContext) -> Artifact:
        """Return the artifact of jgo."""
        group, name, version, classifier = (*self.coordinates.split(":"), "")[:4]
        return context.project(group, name).at_version(version).artifact(classifier)

    def find_path(self, cache: Path) -> Path:
        """Return its path in the cache, whether it is there or not."""
        path = self.find_artifact(MavenContext(repo_cache=cache / "maven")).cached_path
        if path is None:
            raise DownloadError(f"{self.coordinates} has no path in the cache.")
        return path


def read_pins(lock_file: Path) -> tuple[Pin, ...]:
    """Read a lock file, one pin a line: coordinates, sha256, bytes."""
    lines = (line.split() for line in lock_file.read_text("utf-8").splitlines())
    return tuple(Pin(line[0], line[1], int(line[2])) for line in lines if line and line[0] != "#")


def fetch(pins: Sequence[Pin], what: str, cache: Path, progress: Reporter) -> list[Path]:
    """Return the paths of checked files; only missing or damaged ones are downloaded."""
    missing = [pin for pin in pins if not _is_intact(pin.find_path(cache), pin)]
    if missing:
        (cache / "maven").mkdir(parents=True, exist_ok=True)
        folders.delete_old_parts(cache / "maven")
        with progress.download(what, sum(pin.size for pin in missing)) as advance:
            _download_all(missing, cache, advance)
    return [pin.find_path(cache) for pin in pins]


def _download_all(pins: Sequence[Pin], cache: Path, advance: Advance) -> None:
    """Download in parallel; after a failure or Ctrl-C the other downloads stop, too."""
    cancelled = threading.Event()

    def count(received: int) -> None:
        if cancelled.is_set():
            raise DownloadError("The download was cancelled.")
        advance(received)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(_download, pin, cache, count) for pin in pins]
        try:
            for each in as_completed(running):
                each.result()
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def compute_sha256(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_maven_context(repo_cache: Path, advance: Advance = lambda _: None) -> MavenContext:
    """Return a context for the mirror of CHATIA_MAVEN_REPOSITORY, or Maven Central."""

    @contextmanager
    def report_progress(_name: str, _total: int) -> Iterator[Advance]:
        yield advance

    mirror = os.environ.get(MIRROR_VARIABLE)
    return MavenContext(
        resolver=PythonResolver(progress_callback=report_progress),
        repo_cache=repo_cache,
        remote_repos={"central": mirror.rstrip("/")} if mirror else None,
        timeout=TIMEOUT_S,
    )


def _is_intact(path: Path, pin: Pin) -> bool:
    return path.is_file() and path.stat().st_size == pin.size and compute_sha256(path) == pin.sha256


def _download(pin: Pin, cache: Path, advance: Advance) -> None:
    """Download into a temporary folder, then rename: the cache never has incomplete files."""
    with tempfile.TemporaryDirectory(prefix=folders.PART, dir=cache / "maven") as part:
        try:
            file = pin.find_artifact(build_maven_context(Path(part), advance)).resolve()
        except (requests.ConnectionError, requests.Timeout) as error:
            raise UnreachableError(
                f"The Maven repository cannot be reached for {pin.coordinates}: "
                f"check the network, or set {MIRROR_VARIABLE} to a mirror."
            ) from error
        except (requests.RequestException, RuntimeError, OSError) as error:
            raise DownloadError(f"{pin.coordinates} cannot be downloaded: {error}") from error
        if (actual := compute_sha256(file)) != pin.sha256:
            raise ChecksumError(
                f"{pin.coordinates} was downloaded with sha256 {actual} instead of {pin.sha256}: "
                "it was deleted; try again, or check the mirror."
            )
        target = pin.find_path(cache)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
