"""Downloads of pinned files: checked, cached, and done once."""

import gc
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from shared.embedded import downloads, kafka, postgres_binaries
from shared.embedded.downloads import Pin
from shared.embedded.errors import ChecksumError, DownloadError, UnreachableError
from shared.embedded.progress import SilentReporter

CONTENT = b"a jar, more or less" * 1000
PIN = Pin("org.example:thing:1.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


class Mirror(ThreadingHTTPServer):
    """A Maven repository of one file that counts its downloads."""

    downloads_count = 0

    def publish(self, root: Path, content: bytes) -> None:
        file = root / "org/example/thing/1.0/thing-1.0.jar"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.with_name(f"{file.name}.sha1").write_text(hashlib.sha1(content).hexdigest())  # noqa: S324 - Maven


class Counting(SimpleHTTPRequestHandler):
    server: Mirror

    @override
    def do_GET(self) -> None:
        self.server.downloads_count += self.path.endswith(".jar")
        super().do_GET()

    @override
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    root = tmp_path / "mirror"
    with Mirror(("127.0.0.1", 0), partial(Counting, directory=root)) as server:
        server.publish(root, CONTENT)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(downloads.MIRROR_VARIABLE, f"http://127.0.0.1:{server.server_port}/")
        yield server
        server.shutdown()
        thread.join()


def fetch(cache: Path) -> Path:
    (path,) = downloads.fetch([PIN], "a thing", cache, SilentReporter())
    return path


def test_a_file_is_downloaded_once(mirror: Mirror, tmp_path: Path) -> None:
    assert fetch(tmp_path / "cache").read_bytes() == CONTENT
    assert fetch(tmp_path / "cache").read_bytes() == CONTENT
    assert mirror.downloads_count == 1


def test_a_file_with_another_sha256_is_refused_and_not_cached(
    mirror: Mirror, tmp_path: Path
) -> None:
    mirror.publish(tmp_path / "mirror", b"something else")
    with pytest.raises(ChecksumError, match=PIN.sha256):
        fetch(tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_damaged_cached_file_is_downloaded_again(mirror: Mirror, tmp_path: Path) -> None:
    fetch(tmp_path / "cache").write_bytes(CONTENT[::-1])
    assert fetch(tmp_path / "cache").read_bytes() == CONTENT
    assert mirror.downloads_count == 2


@pytest.mark.usefixtures("mirror")
def test_several_processes_may_download_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: fetch(tmp_path / "cache"), range(8)))
    assert {path.read_bytes() for path in found} == {CONTENT}
    assert list((tmp_path / "cache" / "maven").glob(".part-*")) == []


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # jgo leaves a 404 unread
def test_a_repository_that_does_not_answer_differs_from_one_without_the_file(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Pin("org.example:other:1.0", PIN.sha256, 1)
    with pytest.raises(DownloadError, match="example:other") as told:
        downloads.fetch([missing], "another thing", tmp_path / "cache", SilentReporter())
    assert not isinstance(told.value, UnreachableError)
    del told
    gc.collect()
    monkeypatch.setenv(downloads.MIRROR_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match=downloads.MIRROR_VARIABLE):
        fetch(tmp_path / "cache")
    assert mirror.downloads_count == 1


@pytest.mark.parametrize(
    "lock_file", [kafka.LOCK, postgres_binaries.LOCK], ids=lambda file: file.stem
)
def test_every_pin_is_complete_and_listed_once(lock_file: Path) -> None:
    pins = downloads.read_pins(lock_file)
    assert all(len(bytes.fromhex(pin.sha256)) == 32 and pin.size > 0 for pin in pins)
    names = [pin.coordinates.split(":")[1] for pin in pins]
    assert len(set(names)) == len(names) > 0


def test_all_of_kafka_has_one_version_and_a_log_backend() -> None:
    pins = [pin.coordinates.split(":") for pin in downloads.read_pins(kafka.LOCK)]
    assert len({version for group, _, version in pins if group == "org.apache.kafka"}) == 1
    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"} <= {name for _, name, _ in pins}
