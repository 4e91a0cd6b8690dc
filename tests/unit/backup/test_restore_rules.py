"""Which backups are refused, each in a sentence."""

from dataclasses import replace
from typing import Any

import pytest

from shared.backup.encryption import Encryption
from shared.backup.manifest import Kind
from shared.backup.restore_rules import RestoreOrder, Target, find_refusal
from tests.support.backups import build_manifest, build_source

EMPTY = Target(18, None, tables=(), filled=())
MIGRATED = Target(18, "2", tables=("Contacts",), filled=("Deployment", "alembic_version"))
REVISIONS = ("1", "2", "3")
IN_USE = replace(MIGRATED, filled=("Contacts", "Deployment"))


def refuse(
    target: Target = EMPTY, *, part: Kind | None = None, existing: bool = False, **members: Any
) -> str:
    order = RestoreOrder(part, is_into_existing=existing)
    return find_refusal(build_manifest(**members), target, order, REVISIONS) or ""


def test_a_full_backup_goes_into_an_empty_database() -> None:
    assert refuse() == ""
    assert refuse(part=Kind.SCHEMA) == ""
    assert refuse(replace(EMPTY, server_major=19)) == ""


def test_rows_go_into_a_database_that_was_only_migrated() -> None:
    assert refuse(MIGRATED, part=Kind.DATA) == ""
    assert refuse(MIGRATED, kind=Kind.COMPANY, company=7) == ""


def test_a_newer_schema_is_refused() -> None:
    assert refuse(source=build_source(revision="9")) == (
        "The backup has the schema 9, which is newer than this version of ChatIA Flow, whose "
        "newest is 3: upgrade the program first."
    )


def test_a_database_with_tables_is_refused_unless_they_may_be_replaced() -> None:
    assert refuse(MIGRATED).startswith("The database is not empty: it has 1 table.")
    assert refuse(MIGRATED, existing=True) == ""


def test_rows_beside_other_rows_are_refused_unless_they_may_be_replaced() -> None:
    assert refuse(IN_USE, part=Kind.DATA) == (
        "The database is not empty: Contacts has rows. Take a database that was only migrated, or "
        "replace all rows with --into-existing."
    )
    assert refuse(IN_USE, part=Kind.DATA, existing=True) == ""


def test_rows_are_not_replaced_under_running_workers() -> None:
    used = replace(IN_USE, programs=("chatia-tickets", "chatia-contacts"))
    for part in (Kind.FULL, Kind.SCHEMA, Kind.DATA):
        assert refuse(used, part=part, existing=True) == (
            "Workers use this database (chatia-contacts, chatia-tickets): stop all of them first. "
            "They would go on as if nothing had happened."
        )
    assert refuse(used, kind=Kind.COMPANY, company=7, existing=True) == ""


def test_a_company_is_added_to_others_only_if_asked_for() -> None:
    assert "add the company to the others" in refuse(IN_USE, kind=Kind.COMPANY, company=7)
    assert refuse(IN_USE, kind=Kind.COMPANY, company=7, existing=True) == ""


def test_a_company_that_is_there_is_never_replaced() -> None:
    there = replace(IN_USE, has_company=True)
    assert refuse(there, kind=Kind.COMPANY, company=7, existing=True) == (
        "Company 7 is there already: it can be restored after its deletion."
    )


@pytest.mark.parametrize("revision", [None, "1", "3"])
def test_rows_of_another_schema_are_refused(revision: str | None) -> None:
    refusal = refuse(replace(MIGRATED, revision=revision), part=Kind.DATA)
    assert refusal.endswith("run `chatia db upgrade 2` first.")


@pytest.mark.parametrize(
    ("held", "part"),
    [
        (Kind.SCHEMA, Kind.DATA),
        (Kind.DATA, Kind.SCHEMA),
        (Kind.COMPANY, Kind.SCHEMA),
        (Kind.COMPANY, Kind.DATA),
    ],
)
def test_a_part_that_the_backup_does_not_hold_is_refused(held: Kind, part: Kind) -> None:
    assert f"so that {part} cannot be restored" in refuse(kind=held, company=7, part=part)


def test_an_older_server_gets_rows_but_no_schema_of_a_newer_one() -> None:
    assert "this server is 15" in refuse(replace(EMPTY, server_major=15))
    assert refuse(replace(MIGRATED, server_major=15), part=Kind.DATA) == ""


def test_age_needs_the_key() -> None:
    assert refuse(encryption=Encryption.AGE).endswith("name the file of the key with --identity.")
    assert refuse(encryption=Encryption.GPG) == ""
