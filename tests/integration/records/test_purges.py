"""Purges: which rows are deleted, which lose a reference, and which do not change."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from shared.contracts.record_request import DELETES
from shared.records.purge_steps import find_company_id_column
from shared.records.tables import get_tables
from shared.schema import OWNERS, SERVICES, metadata
from tests.support import minimal
from tests.support.build import NOON
from tests.support.deployment import Deployment, Record, deployment
from tests.support.minimal import Rows
from tests.support.servers import TestServers, cloned

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

GONE, TWIN, STAYS = 9_000_001, 9_000_002, 9_000_003
UNDER_WAY = 'SELECT id FROM "Purges" WHERE "finishedAt" IS NULL'
PURGES = ("Purges", "PurgedRows")
OF_A_TICKET = ("Messages", "TicketNotes", "TicketTags", "TicketTraking", "LogTickets")
BY_SERVICE = ("DeadLetters", "Requests")
SENT = {"CampaignShipping": {"deliveredAt": NOON}}

Row = dict[str, Any]


@dataclass
class Played:
    """The rows before and after, and the facts."""

    before: dict[str, list[Row]] = field(default_factory=dict)
    after: dict[str, list[Row]] = field(default_factory=dict)
    facts: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)

    def answer(self, request_id: str) -> dict[str, Any]:
        return next(f for f in reversed(self.facts) if f["requestId"] == request_id)

    def kept(self, table: str, **columns: object) -> list[Row]:
        return [row for row in self.after[table] if columns.items() <= row.items()]

    def had(self, table: str, **columns: object) -> list[Row]:
        return [row for row in self.before[table] if columns.items() <= row.items()]


def build_request(
    flow: Deployment, table: str, *rows: Row, company: int, request_id: str
) -> Record:
    return flow.request(
        DELETES[OWNERS[table]](
            company_id=company, request_id=request_id, table=table, actor="Ana", rows=rows
        )
    )


async def fill(rows: Rows, company: int) -> dict[str, Row]:
    """Insert a row of every table of a company, each with all its parents."""
    made = {}
    for table in metadata.sorted_tables:
        left_out = {"Companies", *PURGES, *BY_SERVICE}
        if table.name not in left_out and find_company_id_column(table.name):
            made[table.name] = await rows.insert(
                table.name, company, SENT.get(table.name), all_parents=True
            )
    return made


async def leave_traces(flow: Deployment) -> None:
    """Make every service store something of the company that no foreign key references."""
    for service in SERVICES:
        await flow.sql(
            'INSERT INTO "DeadLetters" (service, topic, partition, "offset", reason, "companyId", '
            "body) VALUES (:service, 't', 0, 7, 'x', :company, '{}')",
            service=service,
            company=GONE,
        )
        await flow.sql(
            """INSERT INTO "Requests" (service, "companyId", "requestId")
            VALUES (:service, :company, 'earlier')""",
            service=service,
            company=GONE,
        )
        await flow.sql(
            """INSERT INTO "Quarantines" VALUES (:service, :line, 'x', 'x')""",
            service=service,
            line=f"{GONE}:1",
        )
    await flow.sql(
        """INSERT INTO "SeedRows" VALUES ('s', 'Companies', :gone), ('s', 'Companies', :twin)""",
        gone=GONE,
        twin=TWIN,
    )
    await flow.sql(
        """INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset", aside)
        VALUES ('tickets', 'other', 0, 9,
                jsonb_build_object(CAST(:gone AS text), CAST('[1, 2]' AS jsonb)))""",
        gone=str(GONE),
    )


async def load_rows(flow: Deployment) -> dict[str, list[Row]]:
    """Return all rows of all tables."""
    found = {}
    for table in metadata.sorted_tables:
        rows = await flow.sql(f'SELECT to_jsonb(t) AS row FROM "{table.name}" t')  # noqa: S608 - our own tables
        found[table.name] = [row["row"] for row in rows]
    return found


async def play(servers: TestServers, url: str) -> Played:
    """Delete one row of each purged table at once, and read what is left."""
    async with AsyncExitStack() as stack:
        flow = await stack.enter_async_context(deployment(servers.kafka_bootstrap, url))
        conn = await asyncpg.connect(url)
        stack.push_async_callback(conn.close)
        rows = await minimal.rows(url, conn)
        for company in (GONE, TWIN, STAYS):
            await conn.execute(
                'INSERT INTO "Companies" (id, name) VALUES ($1, $2)', company, f"no. {company}"
            )
            await fill(rows, company)
        played = Played(rows=await insert_roots(rows))
        await leave_traces(flow)
        played.before = await load_rows(flow)
        of = played.rows
        await flow.publish(
            build_request(flow, "Companies", {"id": GONE}, company=0, request_id="company"),
            *(
                build_request(flow, table, {"id": of[table]["id"]}, company=STAYS, request_id=table)
                for table in ("Tickets", "Users", "Queues", "Whatsapps", "Contacts")
            ),
            build_request(
                flow,
                "Contacts",
                {"id": of["History"]["contactId"], "$history": True},
                company=STAYS,
                request_id="history",
            ),
        )
        await flow.settled()
        await flow.until_none(UNDER_WAY)
        await flow.settled()
        played.facts = await flow.facts("record.changed")
        played.after = await load_rows(flow)
        return played


async def insert_roots(rows: Rows) -> dict[str, Row]:
    """Insert a ticket, user, queue, line and contact with dependents."""
    ticket = await rows.insert("Tickets", STAYS, all_parents=True)
    user = await rows.insert("Users", STAYS)
    queue = await rows.insert("Queues", STAYS)
    line = await rows.insert("Whatsapps", STAYS)
    contact = await rows.insert("Contacts", STAYS)
    history = await rows.insert("Tickets", STAYS, {"status": "open"})
    made = {
        "Tickets": ticket, "Users": user, "Queues": queue, "Whatsapps": line, "Contacts": contact,
        "History": history,
    }  # fmt: skip
    of_ticket = {"ticketId": ticket["id"]}
    for name in (*OF_A_TICKET, "UserRatings"):
        await rows.insert(name, STAYS, of_ticket)
    await rows.insert("Tickets", STAYS, {"userId": user["id"], "queueId": queue["id"]})
    for name in ("UserQueues", "QuickMessages"):
        await rows.insert(name, STAYS, {"userId": user["id"]})
    await rows.insert("QueueOptions", STAYS, {"queueId": queue["id"]})
    of_line = {"whatsappId": line["id"]}
    on_line = await rows.insert("Tickets", STAYS, of_line)
    message = await rows.insert("Messages", STAYS, of_line | {"ticketId": on_line["id"]})
    await rows.insert("Reactions", STAYS, {"messageId": message["id"]})
    await rows.insert("Sends", STAYS, of_line)
    made["On line"], made["Message on line"] = on_line, message
    for name in ("Tickets", "ContactTags", "ContactCustomFields"):
        await rows.insert(name, STAYS, {"contactId": contact["id"]})
    said = await rows.insert("Messages", STAYS, {"ticketId": history["id"]})
    for name in ("Reactions", "MessageMarks"):
        await rows.insert(name, STAYS, {"messageId": said["id"]})
    made["Said"] = said
    return made


@pytest.fixture(scope="module")
def played(servers: TestServers, migrated_template: str) -> Played:
    """Run all purges once; each test looks at one table."""

    async def on_a_clone() -> Played:
        async with cloned(servers.database_url, migrated_template) as url:
            return await play(servers, url)

    return asyncio.run(on_a_clone())


def has_company(row: Row, company: int) -> bool:
    """Return whether any value of a row names a company."""
    return any(str(value).split(":")[0] == str(company) for value in row.values())


@pytest.mark.parametrize("table", sorted(set(OWNERS) - set(PURGES)))
def test_purging_a_company_deletes_everything_of_it(played: Played, table: str) -> None:
    if table == "Checkpoints":
        assert [row for row in played.after[table] if str(GONE) in row["aside"]] == []
        return
    left = [row for row in played.after[table] if has_company(row, GONE)]
    assert left == []


@pytest.mark.parametrize("table", sorted(set(OWNERS) - set(PURGES)))
def test_rows_of_another_company_do_not_change(played: Played, table: str) -> None:
    def of_twin(rows: list[Row]) -> list[str]:
        return sorted(str(row) for row in rows if has_company(row, TWIN))

    assert of_twin(played.after[table]) == of_twin(played.before[table])


def test_the_answer_has_actor_keys_and_counts(played: Played) -> None:
    answer = played.answer("company")
    assert (answer["type"], answer["actor"]) == ("chatia.record.deleted.v1", "Ana")
    assert answer["deleted"] == {"Companies": [{"id": GONE}]}
    removed = answer["removed"]
    for table in get_tables():
        had = [row for row in played.before[table] if has_company(row, GONE)]
        assert removed.get(table, 0) == len(had), table


def test_facts_are_published_at_the_begin_the_progress_and_the_end(played: Played) -> None:
    types = [fact["type"] for fact in played.facts if fact["requestId"] == "company"]
    assert types.count("chatia.purge.begun.v1") == 1
    assert types.count("chatia.record.deleted.v1") == 1
    who = {f["service"] for f in played.facts if f["type"] == "chatia.purge.progressed.v1"}
    assert who == set(SERVICES)


def test_only_the_purge_of_a_company_is_kept(played: Played) -> None:
    assert {row["companyId"] for row in played.after["PurgedRows"]} == {GONE, STAYS}
    assert [r["tableName"] for r in played.kept("PurgedRows", companyId=GONE)] == ["Companies"]


@pytest.mark.parametrize("table", OF_A_TICKET)
def test_purging_a_ticket_deletes_its_rows(played: Played, table: str) -> None:
    had = played.had(table, ticketId=played.rows["Tickets"]["id"])
    keys = [{column: row[column] for column in get_tables()[table].key} for row in had]
    assert keys
    assert [key for key in keys if played.kept(table, **key)] == []


def test_ratings_keep_no_deleted_ticket(played: Played) -> None:
    (had,) = played.had("UserRatings", ticketId=played.rows["Tickets"]["id"])
    (kept,) = played.kept("UserRatings", id=had["id"])
    assert kept["ticketId"] is None


@pytest.mark.parametrize(("table", "column"), [("Users", "userId"), ("Queues", "queueId")])
def test_tickets_keep_no_deleted_user_or_queue(played: Played, table: str, column: str) -> None:
    (had,) = played.had("Tickets", **{column: played.rows[table]["id"]})
    (kept,) = played.kept("Tickets", id=had["id"])
    assert (kept[column], kept["contactId"]) == (None, had["contactId"])
    assert kept["updatedAt"] > had["updatedAt"]


@pytest.mark.parametrize(
    ("root", "table", "column"),
    [
        ("Users", "UserQueues", "userId"),
        ("Users", "QuickMessages", "userId"),
        ("Queues", "QueueOptions", "queueId"),
        ("Whatsapps", "Tickets", "whatsappId"),
        ("Whatsapps", "Messages", "whatsappId"),
        ("Whatsapps", "Sends", "whatsappId"),
        ("Message on line", "Reactions", "messageId"),
        ("Said", "Reactions", "messageId"),
        ("Said", "MessageMarks", "messageId"),
        ("History", "Messages", "ticketId"),
    ],
)
def test_dependents_are_deleted_with_a_row(
    played: Played, root: str, table: str, column: str
) -> None:
    of_root = {column: played.rows[root]["id"]}
    assert played.had(table, **of_root)
    assert played.kept(table, **of_root) == []


@pytest.mark.parametrize("table", ["Tickets", "Users", "Queues", "Whatsapps"])
def test_the_row_itself_is_deleted(played: Played, table: str) -> None:
    row_id = played.rows[table]["id"]
    assert played.kept(table, id=row_id) == []
    assert played.answer(table)["deleted"] == {table: [{"id": row_id}]}


@pytest.mark.parametrize("table", ["Tickets", "ContactTags", "ContactCustomFields"])
def test_deleting_a_contact_only_sets_it_inactive(played: Played, table: str) -> None:
    contact = played.rows["Contacts"]["id"]
    (kept,) = played.kept("Contacts", id=contact)
    assert not kept["active"]
    assert len(played.kept(table, contactId=contact)) == 1


def test_a_contact_without_its_history_stays_without_tickets(played: Played) -> None:
    contact = played.rows["History"]["contactId"]
    (kept,) = played.kept("Contacts", id=contact)
    assert not kept["active"]
    assert played.kept("Tickets", contactId=contact) == []
    assert played.answer("history")["removed"]["Messages"] == 1
