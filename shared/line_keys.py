"""Keys and app secrets of single lines, from CHATIA_LINE_KEYS_FILE or from the environment.

The file has a variable per line, `CHATIA_GATEWAY_KEY_1_10=…`; a directory has a file per variable,
named like it, as a mounted secret of Kubernetes. It is read again when it changes.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from shared.settings import LINE_APP_SECRET, LINE_KEY, LINE_VARIABLES, Settings, split_secrets

log = structlog.get_logger("chatia.line_keys")

NAME = re.compile(rf"({'|'.join(LINE_VARIABLES)})_[0-9]+_[0-9]+")
LOOK_EVERY_S = 1.0

Version = tuple[tuple[str, int, int, int], ...]  # of each file: name, mtime, inode, size


class UnreadableKeysError(Exception):
    """The file is incomplete or not as described; the message holds no value."""


@dataclass(frozen=True, slots=True)
class KeysFile:
    """The values of a file or directory by variable, and the names in it that nobody reads."""

    values: Mapping[str, str]
    unread: tuple[str, ...]


class LineKeys:
    """Finds the keys of lines; those of CHATIA_LINE_KEYS_FILE precede those of the environment.

    At most once a second it is checked whether the file changed. While it is missing, empty or
    incomplete, the keys read before stay valid, and the log says why, once per reason; that the
    file is not there yet is no error. With `values`, those of a file that was read already, no file
    is read.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] = time.monotonic,
        values: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._now = now
        is_watched = bool(settings.line_keys_file) and values is None
        self._path = Path(settings.line_keys_file) if is_watched else None
        self._values = values or {}
        self._version: Version | None = None
        self._problem = ""
        self._look_at = 0.0

    def find_gateway_key(self, gateway: str, company_id: int, whatsapp_id: int) -> str:
        """Return the key or token that a line's gateway accepts; empty if there is none."""
        own = self._find(LINE_KEY, company_id, whatsapp_id)
        return own or self._settings.sending.find_gateway_key(gateway, company_id, whatsapp_id)

    def find_app_secrets(self, company_id: int, whatsapp_id: int) -> list[str]:
        """Return the secrets of the Meta apps that may post for a line: its own, or the shared."""
        if own := split_secrets(self._find(LINE_APP_SECRET, company_id, whatsapp_id)):
            return own
        return self._settings.webhooks.find_app_secrets(company_id, whatsapp_id)

    def _find(self, variable: str, company_id: int, whatsapp_id: int) -> str:
        if self._path is not None and self._now() >= self._look_at:
            self._look_at = self._now() + LOOK_EVERY_S
            self._read_if_changed(self._path)
        return self._values.get(f"{variable}_{company_id}_{whatsapp_id}", "")

    def _read_if_changed(self, path: Path) -> None:
        try:
            version = _read_version(path)
            if version == self._version:
                return
            file = _read_unchanged(path, version)
        except FileNotFoundError as error:
            self._report(path, describe_problem(error), is_awaited=self._version is None)
        except (OSError, UnreadableKeysError) as error:
            self._report(path, describe_problem(error))
        else:
            log.info("line_keys.read", file=str(path), keys=len(file.values), unread=file.unread)
            self._values, self._version, self._problem = file.values, version, ""

    def _report(self, path: Path, problem: str, *, is_awaited: bool = False) -> None:
        """Log a problem once; `is_awaited` if `chatia lines rotate-key` may still make the file."""
        if problem == self._problem:
            return
        self._problem = problem
        if is_awaited:
            log.warning("line_keys.not_there_yet", file=str(path))
        else:
            log.error("line_keys.not_read", file=str(path), error=problem, kept=len(self._values))


def read_keys(path: Path) -> KeysFile:
    """Read a file or directory of keys; raises UnreadableKeysError, or OSError."""
    named = list(_list_directory(path) if path.is_dir() else _list_lines(path))
    values: dict[str, str] = {}
    for name, value in named:
        if not NAME.fullmatch(name):
            continue
        if name in values:
            raise UnreadableKeysError(f"{name} is in it twice")
        if not value:
            raise UnreadableKeysError(f"{name} is empty")
        if not (value.isascii() and value.isprintable()):
            raise UnreadableKeysError(f"{name} has characters that are not printable ASCII")
        values[name] = value
    return KeysFile(values, tuple(name for name, _ in named if not NAME.fullmatch(name)))


def _read_unchanged(path: Path, version: Version) -> KeysFile:
    file = read_keys(path)
    if _read_version(path) != version:
        raise UnreadableKeysError("it changed while it was read")
    return file


def describe_problem(error: OSError | UnreadableKeysError) -> str:
    """Return why a file cannot be read."""
    return str(error) if isinstance(error, UnreadableKeysError) else str(error.strerror or error)


def list_key_files(path: Path) -> list[Path]:
    """Return the files of a directory of keys; hidden ones are Kubernetes' own, or being written.

    A path that is not a directory is the only file.
    """
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.name[0] != "." and file.is_file())


def _list_directory(path: Path) -> Iterable[tuple[str, str]]:
    for file in list_key_files(path):
        yield file.name, _read_text(file).strip()


def _list_lines(path: Path) -> Iterable[tuple[str, str]]:
    text = _read_text(path)
    # A file that is being written is at first empty, and then has half a line at its end.
    if not text.endswith("\n"):
        raise UnreadableKeysError(
            "its last line has no end" if text else "it is empty, so it is probably being written"
        )
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise UnreadableKeysError(f"line {number} is not NAME=value")
        yield name.strip(), value.strip()


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableKeysError(f"{path.name} is not UTF-8 text") from error


def _read_version(path: Path) -> Version:
    stats = [(file.name, file.stat()) for file in list_key_files(path)]
    return tuple((name, at.st_mtime_ns, at.st_ino, at.st_size) for name, at in stats)
