"""The tables in Postgres are those of tests/data/schema.json, and no others."""

import json
from pathlib import Path

import pytest

from shared.db import migrations
from shared.schema import OWNERS, SERVICES
from tests.support import catalog
from tests.support.catalog import Table

pytestmark = pytest.mark.integration

EXPECTED = json.loads((Path(__file__).parents[2] / "data" / "schema.json").read_text("utf-8"))
TABLES: dict[str, Table] = EXPECTED["tables"]
INTERNAL = {
    "AwaitedChanges",
    "AwaitedQuotes",
    "BusinessUserIds",
    "Checkpoints",
    "DeadLetters",
    "Deployment",
    "GatewayConnections",
    "LaneTimers",
    "LidNumbers",
    "LineSendRates",
    "LineStates",
    "MessageMarks",
    "NumberChanges",
    "RestoredPositions",
    "LostSends",
    "PurgedRows",
    "Purges",
    "Quarantines",
    "Reactions",
    "Requests",
    "SeedRows",
    "TicketSuccessors",
    "Sends",
    "Workers",
}
SEED_INDEXES = {
    "idx_tickets_company": ("Tickets", ["companyId"]),
    "idx_tickets_contact": ("Tickets", ["contactId"]),
    "idx_tickets_status": ("Tickets", ["status"]),
    "idx_tickets_user": ("Tickets", ["userId"]),
    "idx_tickets_whatsapp": ("Tickets", ["whatsappId"]),
    "idx_tickets_company_status": ("Tickets", ["companyId", "status"]),
    "idx_tickets_updated": ("Tickets", ["updatedAt DESC"]),
    "idx_messages_ticket": ("Messages", ["ticketId"]),
    "idx_messages_company": ("Messages", ["companyId"]),
    "idx_messages_ticket_created": ("Messages", ["ticketId", "createdAt"]),
    "idx_messages_fromme": ("Messages", ["fromMe"]),
    "idx_messages_read": ("Messages", ["read"]),
    "idx_messages_company_fromme": ("Messages", ["companyId", "fromMe"]),
    "idx_contacts_company": ("Contacts", ["companyId"]),
    "idx_contacts_number": ("Contacts", ["number"]),
    "idx_contacts_company_number": ("Contacts", ["companyId", "number"]),
    "idx_contacts_active": ("Contacts", ["active"]),
}


async def test_all_57_tables_and_the_internal_ones_exist_and_no_others(
    migrated_url: str,
) -> None:
    live = await catalog.read(migrated_url)
    assert set(live) == set(TABLES)
    assert len(set(live) - INTERNAL) == 57


@pytest.mark.parametrize(
    "aspect", ["columns", "primaryKey", "foreignKeys", "unique", "checks", "indexes", "options"]
)
async def test_every_table_is_as_documented(migrated_url: str, aspect: str) -> None:
    live = await catalog.read(migrated_url)
    found = {table: _in_order(described.get(aspect)) for table, described in live.items()}
    expected = {table: _in_order(_plain(TABLES[table].get(aspect))) for table in TABLES}
    assert found == expected


async def test_every_foreign_key_has_an_index(
    migrated_url: str,
) -> None:
    """Deleting a parent searches its children, which needs an index."""
    live = await catalog.read(migrated_url)
    unserved = [
        (table, key["columns"])
        for table, described in live.items()
        for key in described["foreignKeys"]
        if not any(_serves(index, key["columns"]) for index in _indexes(described))
    ]
    assert unserved == []


async def test_the_documented_indexes_have_their_documented_names(migrated_url: str) -> None:
    live = await catalog.read(migrated_url)
    found = {
        index["name"]: (table, index["columns"])
        for table, described in live.items()
        for index in described["indexes"] + described["unique"]
        if index["name"].startswith("idx_")
    }
    assert found == SEED_INDEXES


async def test_tables_and_mapped_classes_do_not_differ(migrated_url: str) -> None:
    await migrations.check(migrated_url)


def test_every_deviation_is_explained() -> None:
    named = {
        code
        for table in TABLES.values()
        for items in table.values()
        if isinstance(items, list)
        for item in items
        if isinstance(item, dict)
        for code in item.get("deviation", ())
    }
    assert named == set(EXPECTED["deviations"])


def test_every_table_has_its_documented_owner() -> None:
    assert {table: described["owner"] for table, described in TABLES.items()} == OWNERS
    assert {OWNERS[table] for table in OWNERS.keys() - INTERNAL} == set(SERVICES)


def _plain(items: object) -> object:
    """Return items without their notes."""
    if not isinstance(items, list):
        return items
    return [
        {name: value for name, value in item.items() if name != "deviation"}
        if isinstance(item, dict)
        else item
        for item in items
    ]


def _in_order(items: object) -> object:
    """Return named items sorted by name; columns and keys keep their order."""
    if isinstance(items, list) and items and isinstance(items[0], dict) and "type" not in items[0]:
        return sorted(items, key=json.dumps)
    return items or None


def _indexes(described: Table) -> list[Table]:
    return [*described["indexes"], *described["unique"], {"columns": described["primaryKey"]}]


def _serves(index: Table, key: list[str]) -> bool:
    condition = index.get("where", "").strip("()").replace('"', "")
    holds_all_children = condition in {"", f"{key[-1]} IS NOT NULL"}
    columns = index["columns"]
    return holds_all_children and (columns[0] == key[-1] or columns[: len(key)] == key)
