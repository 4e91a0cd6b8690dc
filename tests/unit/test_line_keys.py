"""Keys of lines in a file or directory are read again when they change, and only if complete."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from shared.line_keys import LOOK_EVERY_S, LineKeys, UnreadableKeysError, read_keys
from shared.settings import SendingSettings, Settings, WebhookSettings

OLD, NEW = "CHATIA_GATEWAY_KEY_1_10=old\n", "CHATIA_GATEWAY_KEY_1_10=new\n"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def move_on(self) -> None:
        self.now += LOOK_EVERY_S


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys_of(clock: Clock) -> Callable[[Path], LineKeys]:
    """Return what finds the keys of a path; the environment has a key for the lines 10 and 11."""

    def build(path: Path) -> LineKeys:
        of_lines = {"1_10": SecretStr("env 10"), "1_11": SecretStr("env 11")}
        settings = Settings(
            line_keys_file=str(path),
            sending=SendingSettings(waha_api_key=SecretStr("of all"), line_keys=of_lines),
            webhooks=WebhookSettings(cloud_api_secrets=SecretStr("ours")),
        )
        return LineKeys(settings, clock)

    return build


def find(keys: LineKeys, line: int = 10) -> str:
    return keys.find_gateway_key("waha", 1, line)


def replace(path: Path, text: str) -> None:
    """Replace a file atomically."""
    new = path.with_name(".new")
    new.write_text(text, "utf-8")
    new.rename(path)


def test_a_lines_key_is_that_of_the_file_then_of_the_environment_then_of_the_gateway(
    tmp_path: Path, keys_of: Callable[[Path], LineKeys]
) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# of the shop\n\n{OLD}CHATIA_CLOUD_API_SECRET_1_12=a, b\n", "utf-8")
    keys = keys_of(path)
    assert [find(keys, line) for line in (10, 11, 12)] == ["old", "env 11", "of all"]
    assert keys.find_app_secrets(1, 12) == ["a", "b"]
    assert keys.find_app_secrets(1, 10) == ["ours"]


def test_without_a_file_the_environment_counts() -> None:
    assert find(LineKeys(Settings(sending=SendingSettings(waha_api_key=SecretStr("w"))))) == "w"


def test_a_replaced_file_is_read_within_a_second(
    tmp_path: Path, clock: Clock, keys_of: Callable[[Path], LineKeys]
) -> None:
    path = tmp_path / "keys"
    path.write_text(OLD, "utf-8")
    keys = keys_of(path)
    assert find(keys) == "old"
    replace(path, NEW)
    assert find(keys) == "old"
    clock.move_on()
    assert find(keys) == "new"
    replace(path, "# none\n")
    clock.move_on()
    assert find(keys) == "env 10"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty, so it is probably being written"),
        ("CHATIA_GATEWAY_KEY_1_10=ne", "its last line has no end"),
        ("CHATIA_GATEWAY_KEY_1_10=\n", "CHATIA_GATEWAY_KEY_1_10 is empty"),
        ("CHATIA_GATEWAY_KEY_1_10=n\u00e9w\n", "CHATIA_GATEWAY_KEY_1_10 has characters"),
        ("CHATIA_GATEWAY_KEY_1_10 new\n", "line 1 is not NAME=value"),
        (NEW + NEW, "CHATIA_GATEWAY_KEY_1_10 is in it twice"),
    ],
)
def test_a_file_that_is_not_whole_changes_nothing_and_is_logged_once(
    tmp_path: Path, clock: Clock, keys_of: Callable[[Path], LineKeys], text: str, problem: str
) -> None:
    path = tmp_path / "keys"
    path.write_text(OLD, "utf-8")
    keys = keys_of(path)
    assert find(keys) == "old"
    path.write_text(text, "utf-8")
    with capture_logs() as logs:
        for _ in range(3):
            clock.move_on()
            assert find(keys) == "old"
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("line_keys.not_read", "error")
    assert (entry["file"], entry["kept"]) == (str(path), 1)
    assert entry["error"].startswith(problem)
    path.write_text(NEW, "utf-8")
    clock.move_on()
    assert find(keys) == "new"


def test_a_file_that_is_not_there_yet_is_no_error_and_is_read_when_it_is_made(
    tmp_path: Path, clock: Clock, keys_of: Callable[[Path], LineKeys]
) -> None:
    path = tmp_path / "keys"
    keys = keys_of(path)
    with capture_logs() as logs:
        for _ in range(3):
            assert find(keys) == "env 10"
            clock.move_on()
    assert logs == [
        {"event": "line_keys.not_there_yet", "log_level": "warning", "file": str(path)},
    ]
    path.write_text(OLD, "utf-8")
    clock.move_on()
    assert find(keys) == "old"


def test_a_file_that_is_gone_keeps_the_former_keys_and_is_an_error(
    tmp_path: Path, clock: Clock, keys_of: Callable[[Path], LineKeys]
) -> None:
    path = tmp_path / "keys"
    path.write_text(OLD, "utf-8")
    keys = keys_of(path)
    assert find(keys) == "old"
    path.unlink()
    clock.move_on()
    with capture_logs() as logs:
        assert find(keys) == "old"
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("line_keys.not_read", "error")
    assert (entry["error"], entry["kept"]) == ("No such file or directory", 1)


def test_a_file_that_cannot_be_read_is_an_error_also_before_the_first_reading(
    tmp_path: Path, keys_of: Callable[[Path], LineKeys]
) -> None:
    no_folder = tmp_path / "file"
    no_folder.write_text("", "utf-8")
    with capture_logs() as logs:
        assert find(keys_of(no_folder / "keys")) == "env 10"
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("line_keys.not_read", "error")
    ]


def test_no_value_is_ever_logged(tmp_path: Path, keys_of: Callable[[Path], LineKeys]) -> None:
    path = tmp_path / "keys"
    with capture_logs() as logs:
        for text in ("CHATIA_GATEWAY_KEY_1_10=hidden\nOTHER=hidden\n", "hidden\n", "A=hidden\x01"):
            path.write_text(text, "utf-8")
            find(keys_of(path))
    assert len(logs) == 3
    assert logs[0]["unread"] == ("OTHER",)
    assert "hidden" not in str(logs)


class Mount:
    """A secret as Kubernetes mounts it: links into a hidden folder, which it exchanges whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = 0

    def put(self, values: dict[str, str]) -> None:
        self._count += 1
        folder = self.path / f"..{self._count}"
        folder.mkdir()
        for name, value in values.items():
            (folder / name).write_text(value, "utf-8")
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(Path("..data") / name)
        new = self.path / "..data_tmp"
        new.symlink_to(folder.name)
        new.rename(self.path / "..data")


def test_a_mounted_secret_of_kubernetes_is_read_again_when_it_is_exchanged(
    tmp_path: Path, clock: Clock, keys_of: Callable[[Path], LineKeys]
) -> None:
    mount = Mount(tmp_path)
    mount.put({"CHATIA_GATEWAY_KEY_1_10": "old"})
    keys = keys_of(tmp_path)
    assert find(keys) == "old"
    mount.put({"CHATIA_GATEWAY_KEY_1_10": "new\n", "CHATIA_GATEWAY_KEY_1_11": "11"})
    clock.move_on()
    assert [find(keys, line) for line in (10, 11)] == ["new", "11"]
    mount.put({"CHATIA_GATEWAY_KEY_1_10": "", "CHATIA_GATEWAY_KEY_1_11": "12"})
    clock.move_on()
    assert [find(keys, line) for line in (10, 11)] == ["new", "11"]


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path,
    clock: Clock,
    keys_of: Callable[[Path], LineKeys],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "keys"
    path.write_text(OLD, "utf-8")
    keys = keys_of(path)
    assert find(keys) == "old"

    def refuse(*_: Any) -> str:
        raise AssertionError

    monkeypatch.setattr(Path, "read_text", refuse)
    clock.move_on()
    assert find(keys) == "old"


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_look(
    tmp_path: Path,
    clock: Clock,
    keys_of: Callable[[Path], LineKeys],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "keys"
    path.write_text(OLD, "utf-8")
    keys = keys_of(path)
    read = Path.read_text

    def change(self: Path, *given: Any) -> str:
        text = read(self, *given)
        os.utime(path, ns=(1, 1))
        return text

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", change)
        assert find(keys) == "env 10"
    clock.move_on()
    assert find(keys) == "old"


def test_a_directory_may_hold_other_files_which_are_named(tmp_path: Path) -> None:
    (tmp_path / "CHATIA_GATEWAY_KEY_1_10").write_text("one", "utf-8")
    (tmp_path / "CHATIA_GATEWAY_KEY").write_text("two", "utf-8")
    (tmp_path / ".lock").write_text("", "utf-8")
    (tmp_path / "more").mkdir()
    file = read_keys(tmp_path)
    assert file.values == {"CHATIA_GATEWAY_KEY_1_10": "one"}
    assert file.unread == ("CHATIA_GATEWAY_KEY",)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"\xff\n")
    with pytest.raises(UnreadableKeysError, match="keys is not UTF-8 text"):
        read_keys(path)
