"""Client programs are of the server's version or newer, and get passwords by their environment."""

from pathlib import Path

import pytest

from shared.backup.errors import ProgramError
from shared.backup.programs import (
    ClientPrograms,
    build_client_environment,
    choose_programs,
    find_client_programs,
    read_version,
)

OLD = ClientPrograms(Path("/old/bin"), "15.18")
SAME = ClientPrograms(Path("/same/bin"), "17.5")
WHEEL = ClientPrograms(Path("/wheel/bin"), "18.4", "a wheel")
NEEDED = ("pg_dump",)


@pytest.mark.parametrize(
    ("server", "chosen"), [(14, OLD), (15, OLD), (16, SAME), (17, SAME), (18, WHEEL)]
)
def test_the_nearest_version_that_is_not_older_is_chosen(
    server: int, chosen: ClientPrograms
) -> None:
    assert choose_programs([WHEEL, OLD, SAME], server, NEEDED) == chosen


def test_installed_programs_come_before_those_of_the_wheel() -> None:
    installed = ClientPrograms(Path("/usr/bin"), "18.6")
    assert choose_programs([installed, WHEEL], 18, NEEDED) == installed


def test_an_older_client_is_refused_in_a_sentence() -> None:
    with pytest.raises(ProgramError) as refused:
        choose_programs([OLD, SAME], 18, NEEDED)
    assert str(refused.value) == (
        "PostgreSQL 18 needs client programs of its version or a newer one, and those in "
        "/same/bin are of 17.5: install PostgreSQL 18's client programs, or "
        "`chatia-flow[backup]` by pip."
    )


def test_a_machine_without_programs_is_told_what_to_install() -> None:
    with pytest.raises(ProgramError, match=r"^There is no pg_dump on this machine: install"):
        choose_programs([], 18, NEEDED)


def test_the_wheel_of_the_embedded_servers_has_the_programs() -> None:
    found = find_client_programs(18, ("pg_dump", "pg_restore", "psql", "pg_basebackup"))
    assert found.major >= 18
    assert read_version(Path(found.locate("pg_dump"))) == found.version


def test_a_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert read_version(tmp_path / "pg_dump") == ""


def test_the_password_is_in_the_environment_and_other_variables_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=1")
    url = "postgresql+asyncpg://owner:a%2Fb%3Fc@db.example.com:6543/help%20desk?sslmode=require"
    environment = build_client_environment(url)
    assert environment["PGPASSWORD"] == "a/b?c"
    assert environment["PGUSER"] == "owner"
    assert environment["PGHOST"] == "db.example.com"
    assert environment["PGPORT"] == "6543"
    assert environment["PGDATABASE"] == "help desk"
    assert environment["PGSSLMODE"] == "require"
    assert "PGOPTIONS" not in environment


def test_a_socket_is_named_by_a_parameter() -> None:
    environment = build_client_environment("postgresql+asyncpg://owner@/chatia?host=/run/pg&port=6")
    assert (environment["PGHOST"], environment["PGPORT"]) == ("/run/pg", "6")
    assert "PGPASSWORD" not in environment
