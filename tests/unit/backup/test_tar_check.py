"""A base backup is compared with Postgres' own manifest while it passes by."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator

import pytest

from shared.backup.continuous.tar_check import Contents, TarCheck
from shared.backup.errors import DamagedBackupError

FILES = {"PG_VERSION": b"15\n", "base/1/112": b"x" * 8192, "base/1/113": b"", "é": b"ab" * 700}
WAL = {"Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100"}


def describe(path: str, content: bytes) -> dict[str, object]:
    return {
        "Path": path,
        "Size": len(content),
        "Checksum-Algorithm": "SHA256",
        "Checksum": hashlib.sha256(content).hexdigest(),
    }


def build_manifest(**entries: dict[str, object]) -> bytes:
    listed = {path: describe(path, content) for path, content in FILES.items()} | entries
    return json.dumps({"Files": list(listed.values()), "WAL-Ranges": [WAL]}).encode()


def build_tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folder = tarfile.TarInfo("base/1")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def check(data: bytes, size: int = 1000) -> Contents:
    checked = TarCheck()
    assert b"".join(checked.pass_on(cut(data, size))) == data
    return checked.finish()


@pytest.mark.parametrize("size", [1, 511, 512, 513, 4096, 10**6])
def test_a_whole_backup_is_accepted_however_it_is_cut(size: int) -> None:
    data = build_tar(FILES | {"backup_manifest": build_manifest()})
    assert check(data, size) == Contents(files=4, timeline=1, start=0x2000028, stop=0x2000100)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"base/1/112": b"y" * 8192}, "The file base/1/112 of the base backup was changed"),
        ({"base/1/112": b"x"}, "base/1/112 of the base backup has 1 bytes instead of 8192"),
        ({"base/1/114": b"x"}, "base/1/114 of the base backup is not in its manifest"),
    ],
)
def test_a_changed_and_a_surplus_file_are_named(files: dict[str, bytes], sentence: str) -> None:
    data = build_tar(FILES | files | {"backup_manifest": build_manifest()})
    with pytest.raises(DamagedBackupError, match=sentence):
        check(data)


def test_a_missing_file_is_named() -> None:
    manifest = build_manifest(more=describe("base/1/115", b"z"))
    with pytest.raises(DamagedBackupError, match="base/1/115 of the base backup is missing"):
        check(build_tar(FILES | {"backup_manifest": manifest}))


def test_a_name_that_is_not_utf_8_is_compared_too() -> None:
    manifest = json.loads(build_manifest())
    entry = manifest["Files"][0]
    entry["Encoded-Path"] = entry.pop("Path").encode().hex()
    data = build_tar(FILES | {"backup_manifest": json.dumps(manifest).encode()})
    assert check(data).files == 4


@pytest.mark.parametrize("kept", [0, 512, 3000])
def test_a_backup_that_ends_too_early_is_refused(kept: int) -> None:
    data = build_tar(FILES | {"backup_manifest": build_manifest()})
    with pytest.raises(DamagedBackupError, match="ends too early"):
        check(data[:kept])


def test_what_is_no_tar_or_no_manifest_is_refused() -> None:
    with pytest.raises(DamagedBackupError, match="no readable tar"):
        check(b"\x01" * 4096)
    with pytest.raises(DamagedBackupError, match="backup_manifest of the base backup is damaged"):
        check(build_tar({"backup_manifest": b"{}"}))
