"""Reads base backups back."""

from collections.abc import Iterator, Sequence

from shared.backup.continuous.port import Progress
from shared.backup.continuous.tar_check import TarCheck
from shared.backup.encryption import Encryption, decrypt
from shared.backup.errors import DamagedBackupError
from shared.backup.manifest import Manifest
from shared.backup.pipes import Pipeline, Tally, count, decompress
from shared.backup.places import Place
from shared.backup.restoration import check_file


def read_base(
    place: Place,
    folder: str,
    manifest: Manifest,
    identity: str,
    pipeline: Pipeline,
    progress: Progress,
) -> Iterator[bytes]:
    """Yield the tar of a base backup.

    At its end raises DamagedBackupError if the file is not the one of the manifest.
    """
    path, tally = f"{folder}/{manifest.file.name}", Tally()
    chunks = count(tally.pass_on(place.read(path)), lambda read: progress(read, manifest.file.size))
    if manifest.encryption:
        chunks = decrypt(chunks, manifest.encryption, identity, pipeline)
    yield from decompress(chunks)
    if tally.sha256 != manifest.file.sha256:
        raise DamagedBackupError(
            f"The backup is damaged: {place.describe(path)} was changed since it was written; "
            "use another one."
        )


def check_base(
    place: Place, folder: str, manifest: Manifest, identity: str, progress: Progress
) -> tuple[int, Sequence[str]]:
    """Read a base backup and compare every file with Postgres' manifest; return how many it has.

    Without the key only the encrypted file as a whole is compared, which the remarks say. Raises
    DamagedBackupError.
    """
    if manifest.encryption is Encryption.AGE and not identity:
        check_file(place, folder, manifest, progress)
        return 0, ["Its files were not compared one by one: that needs --identity."]
    check = TarCheck()
    with Pipeline() as pipeline:
        for _ in check.pass_on(read_base(place, folder, manifest, identity, pipeline, progress)):
            pass
    return check.finish().files, []
