"""What goes with a row that is deleted, what only forgets it, and what stays as it was."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from shared.contracts.record_request import DELETES
from shared.records.hanging import company_column
from shared.records.tables import tables
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
    """What there was before and after, and what was told."""

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


def ask(flow: Deployment, table: str, *rows: Row, company: int, request_id: str) -> Record:
    return flow.request(
        DELETES[OWNERS[table]](
            company_id=company, request_id=request_id, table=table, actor="Ana", rows=rows
        )
    )


async def fill(rows: Rows, company: int) -> dict[str, Row]:
    """Make a row of every table that a company has rows of, each with all of its parents."""
    made = {}
    for table in metadata.sorted_tables:
        if table.name not in {"Companies", *PURGES, *BY_SERVICE} and company_column(table.name):
            made[table.name] = await rows.insert(
                table.name, company, SENT.get(table.name), all_parents=True
            )
    return made


async def leave_traces(flow: Deployment) -> None:
    """Let every service have something of the company that no foreign key leads to."""
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


async def standing(flow: Deployment) -> dict[str, list[Row]]:
    """Read all rows of all tables."""
    found = {}
    for table in metadata.sorted_tables:
        rows = await flow.sql(f'SELECT to_jsonb(t) AS row FROM "{table.name}" t')  # noqa: S608 - our own tables
        found[table.name] = [row["row"] for row in rows]
    return found


async def play(servers: TestServers, url: str) -> Played:
    """Delete one of each kind, all at once, and look at what is left."""
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
        played = Played(rows=await parted(rows))
        await leave_traces(flow)
        played.before = await standing(flow)
        of = played.rows
        await flow.publish(
            ask(flow, "Companies", {"id": GONE}, company=0, request_id="company"),
            *(
                ask(flow, table, {"id": of[table]["id"]}, company=STAYS, request_id=table)
                for table in ("Tickets", "Users", "Queues", "Whatsapps", "Contacts")
            ),
            ask(
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
        played.after = await standing(flow)
        return played


async def parted(rows: Rows) -> dict[str, Row]:
    """Make a ticket, user, queue, line and contact with something that hangs on each."""
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
    """Play once, and let every test look at a line of its own."""

    async def on_a_clone() -> Played:
        async with cloned(servers.database_url, migrated_template) as url:
            return await play(servers, url)

    return asyncio.run(on_a_clone())


def names(row: Row, company: int) -> bool:
    """Whether any value of a row names a company."""
    return any(str(value).split(":")[0] == str(company) for value in row.values())


@pytest.mark.parametrize("table", sorted(set(OWNERS) - set(PURGES)))
def test_company_takes_everything(played: Played, table: str) -> None:
    if table == "Checkpoints":
        assert [row for row in played.after[table] if str(GONE) in row["aside"]] == []
        return
    left = [row for row in played.after[table] if names(row, GONE)]
    assert left == []


@pytest.mark.parametrize("table", sorted(set(OWNERS) - set(PURGES)))
def test_the_rows_of_another_company_stay_as_they_were(played: Played, table: str) -> None:
    def of_twin(rows: list[Row]) -> list[str]:
        return sorted(str(row) for row in rows if names(row, TWIN))

    assert of_twin(played.after[table]) == of_twin(played.before[table])


def test_the_answer_tells_who_asked_which_row_and_how_much_went(played: Played) -> None:
    answer = played.answer("company")
    assert (answer["type"], answer["actor"]) == ("chatia.record.deleted.v1", "Ana")
    assert answer["deleted"] == {"Companies": [{"id": GONE}]}
    removed = answer["removed"]
    for table in tables():
        had = [row for row in played.before[table] if names(row, GONE)]
        assert removed.get(table, 0) == len(had), table


def test_what_is_deleted_in_steps_is_told_when_it_begins_and_as_it_goes(played: Played) -> None:
    types = [fact["type"] for fact in played.facts if fact["requestId"] == "company"]
    assert types.count("chatia.purge.begun.v1") == 1
    assert types.count("chatia.record.deleted.v1") == 1
    who = {f["service"] for f in played.facts if f["type"] == "chatia.purge.progressed.v1"}
    assert who == set(SERVICES)


def test_only_that_it_was_deleted_is_known_of_a_company(played: Played) -> None:
    assert {row["companyId"] for row in played.after["PurgedRows"]} == {GONE, STAYS}
    assert [r["tableName"] for r in played.kept("PurgedRows", companyId=GONE)] == ["Companies"]


@pytest.mark.parametrize("table", OF_A_TICKET)
def test_ticket_takes_its_rows(played: Played, table: str) -> None:
    had = played.had(table, ticketId=played.rows["Tickets"]["id"])
    keys = [{column: row[column] for column in tables()[table].key} for row in had]
    assert keys
    assert [key for key in keys if played.kept(table, **key)] == []


def test_ticket_is_forgotten_by_what_was_said_of_its_user(played: Played) -> None:
    (had,) = played.had("UserRatings", ticketId=played.rows["Tickets"]["id"])
    (kept,) = played.kept("UserRatings", id=had["id"])
    assert kept["ticketId"] is None


@pytest.mark.parametrize(("table", "column"), [("Users", "userId"), ("Queues", "queueId")])
def test_tickets_forget_their_user_and_their_queue(played: Played, table: str, column: str) -> None:
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
def test_what_hangs_on_a_row_goes_with_it(
    played: Played, root: str, table: str, column: str
) -> None:
    of_root = {column: played.rows[root]["id"]}
    assert played.had(table, **of_root)
    assert played.kept(table, **of_root) == []


@pytest.mark.parametrize("table", ["Tickets", "Users", "Queues", "Whatsapps"])
def test_the_row_itself_is_gone(played: Played, table: str) -> None:
    row_id = played.rows[table]["id"]
    assert played.kept(table, id=row_id) == []
    assert played.answer(table)["deleted"] == {table: [{"id": row_id}]}


@pytest.mark.parametrize("table", ["Tickets", "ContactTags", "ContactCustomFields"])
def test_contact_is_only_in_the_address_book_no_more(played: Played, table: str) -> None:
    contact = played.rows["Contacts"]["id"]
    (kept,) = played.kept("Contacts", id=contact)
    assert not kept["active"]
    assert len(played.kept(table, contactId=contact)) == 1


def test_contact_whose_history_is_deleted_stays_without_tickets(played: Played) -> None:
    contact = played.rows["History"]["contactId"]
    (kept,) = played.kept("Contacts", id=contact)
    assert not kept["active"]
    assert played.kept("Tickets", contactId=contact) == []
    assert played.answer("history")["removed"]["Messages"] == 1
