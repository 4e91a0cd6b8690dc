"""Base backups and recoveries by pgbackrest, on machines that have it."""

import shutil

import pytest

from tests.support.archiving_server import archiving_server

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not shutil.which("pgbackrest"), reason="pgbackrest is not installed"),
]


async def test_pgbackrest_makes_base_backups_and_recovers_if_a_stanza_is_set() -> None:
    with archiving_server(pgbackrest=True) as backing:
        made = backing.run("base-backup", "--keep", "1", "--json")
        assert (made.code, made.complaint) == (0, "")
        verified = backing.run("verify", "--json").json["baseBackup"]
        assert verified["backup"] == made.json["backup"]
        drilled = backing.run("drill", "--json")
        assert (drilled.code, drilled.complaint) == (0, "")
        assert drilled.json["succeeded"]
        folder = backing.root / "new"
        latest = backing.run("recover", "--to", "latest", "--into", str(folder))
        assert (latest.code, latest.complaint) == (0, "")
        assert (folder / "standby.signal").is_file()
        assert f"--pg1-path={folder} " in (folder / "postgresql.auto.conf").read_text("utf-8")
