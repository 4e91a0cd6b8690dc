"""Where backups are kept: a folder, or a bucket of an object store."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from shared.backup.errors import PlaceError, UnknownPlaceError
from shared.backup.pipes import CHUNK_BYTES

SCHEMES = ("s3", "gs", "az")
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Place(Protocol):
    """Keeps files in folders of one level; paths are `folder/file`."""

    def describe(self, path: str) -> str:
        """Return the path as an operator would write it."""

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Write a file; it is on disk, or in the store, when this returns."""

    def write_at_once(self, path: str, data: bytes) -> None:
        """Write a small file so that it is there completely, or not at all."""

    def read(self, path: str) -> Iterator[bytes]:
        """Yield the chunks of a file; raises PlaceError if it cannot be read."""

    def find_size(self, path: str) -> int | None:
        """Return the bytes of a file; None if it is not there."""

    def list_folders(self) -> Sequence[str]:
        """Return the names of all folders, sorted."""

    def remove(self, folder: str) -> None:
        """Remove a folder with its files."""


def open_place(address: str) -> Place:
    """Return the place of an address: a path, or s3://, gs:// or az:// with bucket and prefix.

    Credentials of object stores are those of their own environment variables.
    """
    scheme, colons, _ = address.partition("://")
    if not colons:
        return Folder(Path(address).absolute())
    if scheme not in SCHEMES:
        known = ", ".join(f"{each}://" for each in SCHEMES)
        raise UnknownPlaceError(
            f"{address} is not where backups can be: use a folder, or one of {known}."
        )
    with _explain_store(address):
        return Bucket(from_url(address), address.rstrip("/"))


def split_address(address: str) -> tuple[Place, str]:
    """Return the place and the folder of one backup; its manifest may be named, too."""
    address = address.rstrip("/").removesuffix("/manifest.json")
    if "://" not in address:
        path = Path(address).absolute()
        return Folder(path.parent), path.name
    parent, _, name = address.rpartition("/")
    return open_place(parent), name


class Folder:
    """Backups in a folder of this machine, which only its owner may read."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def describe(self, path: str) -> str:
        """Return the absolute path."""
        return str(self._root / path)

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Write a file and wait until it is on disk."""
        target = self._root / path
        with _explain_file(target):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(target, NEW_FILE, 0o600), "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())

    def write_at_once(self, path: str, data: bytes) -> None:
        """Write a draft, wait until it is on disk, and rename it."""
        target = self._root / path
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        with _explain_file(target):
            draft.unlink(missing_ok=True)
            self.write(str(draft.relative_to(self._root)), [data])
            draft.replace(target)
            for folder in (target.parent, self._root):
                _sync_folder(folder)

    def read(self, path: str) -> Iterator[bytes]:
        """Yield the chunks of a file."""
        target = self._root / path
        with _explain_file(target), target.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def find_size(self, path: str) -> int | None:
        """Return the bytes of a file; None if it is not there."""
        target = self._root / path
        with _explain_file(target):
            return target.stat().st_size if target.is_file() else None

    def list_folders(self) -> Sequence[str]:
        """Return the names of the folders; none if the root does not exist yet."""
        with _explain_file(self._root):
            if not self._root.exists():
                return []
            return sorted(each.name for each in self._root.iterdir() if each.is_dir())

    def remove(self, folder: str) -> None:
        """Remove the manifest first: what is left is no backup, if this is interrupted."""
        with _explain_file(self._root / folder):
            (self._root / folder / "manifest.json").unlink(missing_ok=True)
            shutil.rmtree(self._root / folder)


class Bucket:
    """Backups in a bucket of an object store, below a prefix."""

    def __init__(self, store: ObjectStore, address: str) -> None:
        self._store, self._address = store, address

    def describe(self, path: str) -> str:
        """Return the URL."""
        return f"{self._address}/{path}"

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Upload in parts."""
        with _explain_store(self.describe(path)):
            obstore.put(self._store, path, iter(chunks))

    def write_at_once(self, path: str, data: bytes) -> None:
        """Upload in one part, which is there completely or not at all."""
        with _explain_store(self.describe(path)):
            obstore.put(self._store, path, data)

    def read(self, path: str) -> Iterator[bytes]:
        """Yield the chunks of an object."""
        with _explain_store(self.describe(path)):
            for chunk in obstore.get(self._store, path).stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)

    def find_size(self, path: str) -> int | None:
        """Return the bytes of an object; None if it is not there."""
        with _explain_store(self.describe(path)):
            try:
                return obstore.head(self._store, path)["size"]
            except FileNotFoundError:
                return None

    def list_folders(self) -> Sequence[str]:
        """Return the prefixes of the first level."""
        with _explain_store(self._address):
            return sorted(obstore.list_with_delimiter(self._store)["common_prefixes"])

    def remove(self, folder: str) -> None:
        """Remove the manifest first: what is left is no backup, if this is interrupted."""
        with _explain_store(self.describe(folder)):
            paths = [each["path"] for page in obstore.list(self._store, folder) for each in page]
            paths.sort(key=lambda path: not path.endswith("/manifest.json"))
            for path in paths:
                obstore.delete(self._store, path)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _explain_file(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlaceError(f"{path} cannot be used: {error.strerror or error}.") from error


@contextmanager
def _explain_store(address: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise PlaceError(f"{address} cannot be used: {reason}.") from error
