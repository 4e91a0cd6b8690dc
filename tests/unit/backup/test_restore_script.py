"""What is restored of an archive, and the SQL around the rows."""

from shared.backup.checksums import list_differences
from shared.backup.company_rows import list_company_conditions, list_late_keys, list_shared_rows
from shared.backup.manifest import Kind, TableSum
from shared.backup.restore_script import (
    ForeignKey,
    build_company_script,
    build_data_script,
    choose_entries,
)
from shared.schema import metadata
from tests.support.backups import build_manifest

LISTING = """;
; Archive created at 2026-11-30 12:00:00 UTC
5; 2615 2200 SCHEMA - public pg_database_owner
4021; 0 0 COMMENT - SCHEMA public pg_database_owner
217; 1259 16400 TABLE public Messages chatia
4022; 0 16400 TABLE DATA public Messages chatia
4023; 0 16500 TABLE DATA public alembic_version chatia
3700; 1259 16700 INDEX public ix_Messages_search chatia
3701; 1259 16701 INDEX public ix_Messages_ticket chatia
4024; 0 0 ACL public TABLE "Messages" chatia
3800; 0 16400 ROW SECURITY public Messages chatia
3801; 3256 16900 POLICY public Messages readers chatia
"""
SUM = TableSum(rows=3, checksum="17", columns=["id"])
QUEUES_KEY = ForeignKey("Queues", "fk_circle", "QueueIntegrations", "FOREIGN KEY (a) REFERENCES b")
TICKETS_KEY = ForeignKey("Tickets", "fk_line", "Whatsapps", "FOREIGN KEY (c) REFERENCES d")


def numbers(*, trigrams: bool = True, schema: bool = True) -> list[str]:
    chosen = choose_entries(LISTING, has_trigrams=trigrams, has_schema=schema).splitlines()
    return [line.partition(";")[0] for line in chosen if line[:1] != ";"]


def test_grants_policies_and_the_schema_public_are_left_to_the_target() -> None:
    assert numbers() == ["217", "4022", "4023", "3700", "3701", "3800"]


def test_the_index_of_the_search_is_left_out_where_trigrams_are_not_available() -> None:
    assert set(numbers()) - set(numbers(trigrams=False)) == {"3700"}


def test_rows_alone_leave_the_revision_of_the_target() -> None:
    assert set(numbers()) - set(numbers(schema=False)) == {"4023"}


def test_foreign_keys_are_dropped_before_all_rows_and_added_after() -> None:
    manifest = build_manifest(tables={"Queues": SUM, "alembic_version": SUM})
    script = build_data_script(manifest, [QUEUES_KEY])
    assert list(script.before) == [
        'ALTER TABLE public."Queues" DROP CONSTRAINT "fk_circle";',
        'TRUNCATE public."Queues";',
    ]
    assert list(script.after) == [
        'ALTER TABLE public."Queues" ADD CONSTRAINT "fk_circle" FOREIGN KEY (a) REFERENCES b;'
    ]


def test_only_keys_in_circles_wait_for_the_rows_of_a_company() -> None:
    manifest = build_manifest(kind=Kind.COMPANY, company=2, tables={"Queues": SUM})
    script = build_company_script(manifest, [QUEUES_KEY, TICKETS_KEY])
    alter = 'ALTER TABLE public."Queues" ALTER CONSTRAINT "fk_circle"'
    assert list(script.before) == [f"{alter} DEFERRABLE INITIALLY DEFERRED;"]
    assert list(script.after)[:2] == ["SET CONSTRAINTS ALL IMMEDIATE;", f"{alter} NOT DEFERRABLE;"]
    assert "pg_get_serial_sequence('public.\"Queues\"', 'id')" in script.after[2]


def test_the_script_is_one_transaction_that_ends_later() -> None:
    written = b"".join(build_data_script(build_manifest(), []).wrap([b"COPY;\n"])).decode()
    lines = written.splitlines()
    assert lines[:3] == [r"\set ON_ERROR_STOP on", r"\o /dev/null", "BEGIN;"]
    assert "COMMIT" not in written
    assert lines[-1] == "COPY;"


def test_every_table_with_a_company_is_in_the_backup_of_a_company() -> None:
    conditions = list_company_conditions(7)
    with_company = {
        table.name
        for table in metadata.sorted_tables
        if {"companyId", "company_id"} & set(table.columns.keys())
    }
    assert set(conditions) == (with_company | {"Companies"}) - {"Purges", "PurgedRows"}
    assert conditions["Companies"] == 't."id" = 7'
    assert conditions["Tickets"] == 't."companyId" = 7'
    assert conditions["FlowBuilders"] == 't."company_id" = 7'


def test_a_company_takes_its_plan_along() -> None:
    (plans,) = list_shared_rows(7)
    assert plans.table == "Plans"
    assert 'SELECT t."planId" FROM public."Companies" t WHERE t."id" = 7' in plans.condition


def test_parents_are_loaded_first_but_for_circles() -> None:
    order = list(list_company_conditions(7))
    assert set(list_late_keys(7)) == {("Queues", "QueueIntegrations"), ("Users", "Whatsapps")}
    assert order.index("Companies") < order.index("Contacts") < order.index("Messages")


def test_a_table_that_differs_is_named_and_how() -> None:
    expected = {"Contacts": SUM, "Tickets": SUM, "Queues": SUM, "Tags": SUM}
    found = {"Contacts": (3, "17"), "Tickets": (2, "17"), "Queues": (3, "18")}
    assert list_differences(expected, found) == [
        "Tickets has 2 rows instead of 3",
        "Queues has other values",
        "Tags has 0 rows instead of 3",
    ]
