"""Writes a key of a line into CHATIA_LINE_KEYS_FILE; no reader ever sees a half of it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.cli.errors import DependencyFailedError, RefusedError
from shared.line_keys import UnreadableKeysError, describe_problem, read_keys

MODE = 0o600


def write_key(path: Path, name: str, value: str) -> None:
    """Set a variable in a file of keys, or in a directory of such files.

    The file is replaced as a whole; it keeps its owner, and only the owner can read it. Raises
    RefusedError for a file that is not whole, DependencyFailedError if it cannot be written.
    """
    try:
        if path.is_dir():
            _replace(path / name, f"{value}\n")
            return
        path = path.resolve()  # a link stays a link
        with _lock(path.parent):
            _replace(path, _set_line(_read_text(path), name, value))
    except UnreadableKeysError as error:
        raise RefusedError(f"{path} is not changed: {describe_problem(error)}.") from error
    except OSError as error:
        raise DependencyFailedError(
            f"{path} cannot be written: {describe_problem(error)}. A secret that is mounted is "
            "changed where it is kept."
        ) from error


def _read_text(path: Path) -> str:
    if not path.exists() or not path.stat().st_size:
        return ""
    read_keys(path)
    return path.read_text("utf-8")


def _set_line(text: str, name: str, value: str) -> str:
    """Return the text with the value in place of the former one, else at its end."""
    lines = text.splitlines()
    places = [n for n, line in enumerate(lines) if line.partition("=")[0].strip() == name]
    if places:
        lines[places[0]] = f"{name}={value}"
    else:
        lines.append(f"{name}={value}")
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one process change files of the folder at a time."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            _keep_owner(path, file.fileno())
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _keep_owner(path: Path, descriptor: int) -> None:
    """Give the new file the owner of the former one, as workers may have another user."""
    if path.exists():
        former, own = path.stat(), os.fstat(descriptor)
        if (former.st_uid, former.st_gid) != (own.st_uid, own.st_gid):
            os.fchown(descriptor, former.st_uid, former.st_gid)
    elif os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
