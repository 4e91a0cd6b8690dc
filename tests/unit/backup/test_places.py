"""Folders and object stores keep backups alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.backup.errors import PlaceError, UnknownPlaceError
from shared.backup.places import Bucket, Folder, Place, open_place, split_address
from tests.support.backups import build_bucket


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Folder(tmp_path / "backups") if request.param == "folder" else build_bucket()


def test_what_is_written_is_read(place: Place) -> None:
    content = [bytes([number]) * 3_000_000 for number in range(4)]
    place.write("one/rows", iter(content))
    assert b"".join(place.read("one/rows")) == b"".join(content)
    assert place.find_size("one/rows") == 12_000_000


def test_a_file_that_is_missing_has_no_size_and_cannot_be_read(place: Place) -> None:
    assert place.find_size("one/rows") is None
    with pytest.raises(PlaceError, match="one/rows cannot be used"):
        list(place.read("one/rows"))


def test_folders_are_listed_and_removed_with_their_files(place: Place) -> None:
    assert list(place.list_folders()) == []
    for folder in ("b", "a"):
        place.write(f"{folder}/rows", [b"rows"])
        place.write_at_once(f"{folder}/manifest.json", b"{}")
    assert list(place.list_folders()) == ["a", "b"]
    place.remove("a")
    assert list(place.list_folders()) == ["b"]
    assert place.find_size("a/rows") is None


def test_an_error_while_writing_is_raised(place: Place) -> None:
    def fail() -> Iterator[bytes]:
        yield b"half"
        raise UnknownPlaceError("cut off")

    with pytest.raises(UnknownPlaceError, match="cut off"):
        place.write("one/rows", fail())


def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    Folder(tmp_path).write("one/rows", [b"rows"])
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "one" / "rows").stat().st_mode & 0o777 == 0o600


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("one/rows", [b"rows"])
    with pytest.raises(PlaceError, match="File exists"):
        folder.write("one/rows", [b"others"])
    assert b"".join(folder.read("one/rows")) == b"rows"


def test_a_small_file_leaves_no_draft(tmp_path: Path) -> None:
    Folder(tmp_path).write_at_once("one/manifest.json", b"{}")
    assert [each.name for each in (tmp_path / "one").iterdir()] == ["manifest.json"]


def test_an_address_is_a_folder_or_a_bucket(tmp_path: Path) -> None:
    assert isinstance(open_place(str(tmp_path)), Folder)
    assert isinstance(open_place("s3://backups/daily"), Bucket)
    assert open_place("s3://backups/daily/").describe("one") == "s3://backups/daily/one"


@pytest.mark.parametrize("address", ["ftp://host/backups", "https://host/b", "file:///b"])
def test_another_address_is_refused(address: str) -> None:
    with pytest.raises(UnknownPlaceError, match="is not where backups can be"):
        open_place(address)


@pytest.mark.parametrize("end", ["", "/", "/manifest.json"])
def test_one_backup_is_named_by_its_folder_or_its_manifest(tmp_path: Path, end: str) -> None:
    place, folder = split_address(f"{tmp_path}/one{end}")
    assert (place.describe(""), folder) == (str(tmp_path), "one")
    bucket, name = split_address(f"gs://backups/daily/one{end}")
    assert (bucket.describe("x"), name) == ("gs://backups/daily/x", "one")
