"""`chatia lines rotate-key` replaces one key in a file or directory, and nothing else."""

import os
import stat
from pathlib import Path

import pytest

from shared.cli.errors import CommandError, DependencyFailedError, RefusedError
from shared.cli.line_key_writer import write_key
from shared.line_keys import read_keys

NAME, OTHER = "CHATIA_GATEWAY_KEY_1_10", "CHATIA_GATEWAY_KEY_1_11"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("former", [None, ""])
def test_a_new_file_is_for_its_owner_alone(tmp_path: Path, former: str | None) -> None:
    path = tmp_path / "keys"
    if former is not None:
        path.write_text(former, "utf-8")
    write_key(path, NAME, "new")
    assert (path.read_text("utf-8"), mode(path)) == (f"{NAME}=new\n", 0o600)
    assert [file.name for file in tmp_path.iterdir()] == ["keys"]


def test_other_keys_and_comments_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# shop\n{NAME} = old\n\n{OTHER}=other\n", "utf-8")
    path.chmod(0o644)
    write_key(path, NAME, "new")
    assert path.read_text("utf-8") == f"# shop\n{NAME}=new\n\n{OTHER}=other\n"
    assert mode(path) == 0o600
    write_key(path, f"{NAME}9", "added")
    assert read_keys(path).values == {NAME: "new", OTHER: "other", f"{NAME}9": "added"}


def test_a_directory_gets_a_file_per_key(tmp_path: Path) -> None:
    for value in ("old", "new"):
        write_key(tmp_path, NAME, value)
    assert read_keys(tmp_path).values == {NAME: "new"}
    assert mode(tmp_path / NAME) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text(f"{NAME}=old\n", "utf-8")
    link.symlink_to(target)
    write_key(link, NAME, "new")
    assert link.is_symlink()
    assert target.read_text("utf-8") == f"{NAME}=new\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{NAME}=old\n", "utf-8")
    os.chown(path, 10001, 10002)
    write_key(path, NAME, "new")
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (10001, 10002, 0o600)


@pytest.mark.parametrize(
    ("text", "folder", "error", "complaint"),
    [
        (f"{NAME}=ol", "", RefusedError, "is not changed: its last line has no end."),
        (None, "missing", DependencyFailedError, "cannot be written: No such file or directory."),
    ],
)
def test_a_file_that_cannot_be_replaced_stays_as_it_is(
    tmp_path: Path, text: str | None, folder: str, error: type[CommandError], complaint: str
) -> None:
    path = tmp_path / folder / "keys"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(error) as raised:
        write_key(path, NAME, "the-new-key")
    assert complaint in str(raised.value)
    assert "the-new-key" not in str(raised.value)
    assert [file.read_text("utf-8") for file in tmp_path.iterdir()] == ([text] if text else [])
