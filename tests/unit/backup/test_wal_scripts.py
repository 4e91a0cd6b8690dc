"""The scripts by which a server archives its WAL and gets it back."""

import subprocess
from pathlib import Path

import pytest

from shared.backup.continuous.wal_folder import WalFolder
from shared.backup.errors import DamagedBackupError

NAME = "000000010000000000000002"
CONTENT = bytes(range(256)) * 4096  # a megabyte


@pytest.fixture
def folder(tmp_path: Path) -> WalFolder:
    wal = WalFolder(tmp_path / "it's 100% WAL")
    wal.install()
    return wal


def run(command: str, path: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run a command as Postgres does, which has an environment of its own."""
    replaced = command.replace("%%", "\0").replace("%p", str(path)).replace("%f", name)
    return subprocess.run(  # noqa: S602 - as Postgres does
        replaced.replace("\0", "%"),
        shell=True,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )


def archive(folder: WalFolder, tmp_path: Path, content: bytes = CONTENT) -> int:
    path = tmp_path / "segment"
    path.write_bytes(content)
    return run(folder.archive_command, path, NAME).returncode


def fetch(folder: WalFolder, tmp_path: Path, name: str = NAME) -> tuple[int, bytes]:
    path = tmp_path / "fetched"
    path.unlink(missing_ok=True)
    code = run(folder.restore_command, path, name).returncode
    return code, path.read_bytes() if path.exists() else b""


def test_a_file_is_archived_and_comes_back_as_it_was(folder: WalFolder, tmp_path: Path) -> None:
    assert archive(folder, tmp_path) == 0
    assert folder.list_names() == [NAME]
    assert b"".join(folder.read(NAME)) == CONTENT
    assert fetch(folder, tmp_path) == (0, CONTENT)
    assert [path.name for path in folder.root.glob(".*")] == []


def test_the_same_file_twice_is_a_success(folder: WalFolder, tmp_path: Path) -> None:
    assert [archive(folder, tmp_path) for _ in range(2)] == [0, 0]
    assert folder.list_names() == [NAME]


def test_a_file_of_the_same_name_is_never_overwritten(folder: WalFolder, tmp_path: Path) -> None:
    assert archive(folder, tmp_path) == 0
    assert archive(folder, tmp_path, CONTENT[::-1]) == 1
    assert fetch(folder, tmp_path) == (0, CONTENT)


def test_a_file_that_is_there_uncompressed_counts_too(folder: WalFolder, tmp_path: Path) -> None:
    (folder.root / NAME).write_bytes(CONTENT)
    assert archive(folder, tmp_path) == 0
    assert archive(folder, tmp_path, b"other") == 1
    assert fetch(folder, tmp_path) == (0, CONTENT)
    assert b"".join(folder.read(NAME)) == CONTENT


def test_what_a_killed_copy_left_is_no_file_and_goes_with_the_next(
    folder: WalFolder, tmp_path: Path
) -> None:
    (folder.root / f".{NAME}.4711.zst").write_bytes(b"half")
    assert folder.list_names() == []
    assert archive(folder, tmp_path) == 0
    assert list(folder.root.glob(".*")) == []


def test_no_space_or_no_file_is_a_failure(folder: WalFolder, tmp_path: Path) -> None:
    ended = run(folder.archive_command, tmp_path / "missing", NAME)
    assert ended.returncode != 0
    assert folder.list_names() == []


def test_the_end_of_the_archive_and_a_damaged_file_are_told_apart(
    folder: WalFolder, tmp_path: Path
) -> None:
    assert fetch(folder, tmp_path)[0] == 1
    assert archive(folder, tmp_path) == 0
    path = folder.root / f"{NAME}.zst"
    path.write_bytes(path.read_bytes()[:-5])
    assert fetch(folder, tmp_path)[0] == 200
    with pytest.raises(DamagedBackupError, match="it ends too early"):
        list(folder.read(NAME))


def test_only_segments_before_the_kept_ones_are_removed(folder: WalFolder) -> None:
    names = [f"00000001000000000000000{number}" for number in range(5)]
    for name in (*names, "00000002.history", f"{names[0]}.00000028.backup"):
        (folder.root / name).touch()
    assert folder.remove_before(3, 2**24) == [names[0], f"{names[0]}.00000028.backup", *names[1:3]]
    assert folder.list_names() == [*names[3:], "00000002.history"]
