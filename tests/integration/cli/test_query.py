"""`chatia query` on one database with two companies: tables, JSON, CSV, plans and refusals."""

import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterator

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from shared.cli.app import build_app
from shared.cli.errors import CheckFailedError, CommandError, InvalidUsageError, RefusedError
from shared.db.roles import READER
from tests.support.query_rows import COMPANIES
from tests.support.role_rows import login_of
from tests.support.servers import ROLE_PASSWORD, TestServers, cloned

pytestmark = pytest.mark.integration

Run = Callable[..., Result]

ROWS = """
INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", "userId", "queueId", status,
                       "unreadMessages", "lastMessage", "createdAt", "updatedAt") VALUES
  (1, 1, 100, 10, NULL, 1, 'pending', 2, '=1+1', '2026-10-01Z', '2026-11-30 12:01Z'),
  (2, 1, 101, 10, 1, 1, 'open', 0, 'Obrigado', '2026-10-01Z', '2026-11-30 12:02Z'),
  (501, 2, 600, 510, 501, 501, 'open', 5, 'Segredo', now(), now());
INSERT INTO "TicketTags" ("companyId", "ticketId", "tagId") VALUES (1, 2, 1), (1, 2, 2);
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body,
                        "createdAt")
SELECT n, 1, 10, 1, 100, 'W' || n, 'Recado ' || n,
       timestamptz '2026-11-30 12:00Z' + n * interval '1 second'
FROM generate_series(1, 5) AS n;
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body)
  VALUES (501, 2, 510, 501, 600, 'W1', 'Segredo');
INSERT INTO "TicketTraking" ("companyId", "ticketId", "userId", "queueId", "createdAt", "startedAt",
                             "finishedAt")
  VALUES (1, 1, 1, 1, '2026-11-30 12:00Z', '2026-11-30 12:10Z', '2026-11-30 13:10Z');
INSERT INTO "UserRatings" ("companyId", "ticketId", "userId", rate, "createdAt")
  VALUES (1, 1, 1, 10, '2026-11-30 13:10Z');
"""
COUNTS = ("reports", "counts", "--from", "2026-11-30", "--to", "2026-11-30")


@pytest.fixture(scope="module")
def variables(servers: TestServers, migrated_template: str) -> Iterator[dict[str, str]]:
    """Return the addresses and logins of one database for all tests, which only read."""

    async def fill(url: str) -> str:
        conn = await asyncpg.connect(url)
        await conn.execute(COMPANIES + ROWS)
        role = await login_of(conn, READER)
        await conn.close()
        return role

    with asyncio.Runner() as runner:
        database = cloned(servers.database_url, migrated_template)
        url = runner.run(database.__aenter__())
        reader = runner.run(fill(url))
        yield {"DATABASE_URL": url, "DB_READER_USER": reader, "DB_READER_PASS": ROLE_PASSWORD}
        runner.run(database.__aexit__(None, None, None))


@pytest.fixture
def run(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `chatia query … --company 1`."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def call(*words: str, company: int = 1) -> Result:
        given = ("query", *words, "--company", str(company))
        return CliRunner().invoke(build_app("query"), given)

    return call


def succeed(result: Result) -> str:
    assert result.exception is None, result.exception
    return result.stdout


def fail(result: Result, kind: type[CommandError]) -> str:
    assert isinstance(result.exception, kind), result
    return str(result.exception)


def test_a_table_shows_a_list_in_the_companys_time(run: Run) -> None:
    lines = succeed(run("tickets", "list")).splitlines()
    assert lines[0].split() == ["id", "status", "unreadMessages", "updatedAt", "contact", "user",
                                "queue", "lastMessage"]  # fmt: skip
    assert " ".join(lines[1].split()) == (
        "2 open 0 2026-11-30 09:02:00 Eva (551187654321) Ana Vendas Obrigado"
    )
    assert len(lines) == 3


def test_json_has_the_rows_and_the_cursor_of_the_next_page(run: Run) -> None:
    words = (
        "tickets",
        "list",
        "--limit",
        "1",
        "--columns",
        "id,status",
        "--with",
        "tags",
        "--json",
    )
    first = json.loads(succeed(run(*words)))
    tags = [{"id": 2, "name": "Atacado"}, {"id": 1, "name": "VIP"}]
    assert first["rows"] == [{"id": 2, "status": "open", "tags": tags}]
    second = json.loads(succeed(run(*words, "--cursor", first["nextCursor"])))
    assert second == {"rows": [{"id": 1, "status": "pending", "tags": []}], "nextCursor": None}


def test_csv_has_a_heading_and_calculates_nothing(run: Run) -> None:
    printed = succeed(run("tickets", "unread", "--csv"))
    (row,) = csv.DictReader(io.StringIO(printed))
    assert (row["id"], row["contact.name"], row["user.id"]) == ("1", "Rui", "")
    assert row["lastMessage"] == "'=1+1"
    assert row["updatedAt"] == "2026-11-30T09:01:00-03:00"


def test_an_explained_query_shows_its_plan_and_buffers(run: Run) -> None:
    printed = succeed(run("tickets", "by-status", "--explain"))
    assert "actual time=" in printed
    assert "Buffers: shared" in printed


def test_counts_are_of_the_company(run: Run) -> None:
    some = json.loads(succeed(run("tickets", "by-status", "--json", "--status", "open")))["rows"]
    assert [row["status"] for row in some] == ["open"]
    counts = json.loads(succeed(run("tickets", "by-status", "--json", company=2)))["rows"]
    assert {each["status"]: each["tickets"] for each in counts if each["tickets"]} == {"open": 1}
    for company, created in ((1, 0), (2, 1)):
        today = json.loads(succeed(run("tickets", "today", "--json", company=company)))
        assert today == {"rows": [{"tickets": created}]}


def test_messages_go_on_in_both_directions(run: Run) -> None:
    words = ("messages", "last", "1", "--limit", "2", "--json")
    last = json.loads(succeed(run(*words)))
    assert [row["id"] for row in last["rows"]] == [4, 5]
    before = json.loads(succeed(run(*words, "--before", last["olderCursor"])))
    assert [row["id"] for row in before["rows"]] == [2, 3]
    after = json.loads(succeed(run(*words, "--after", before["newerCursor"])))
    assert [row["id"] for row in after["rows"]] == [4, 5]
    around = json.loads(succeed(run(*words, "--around", "3")))
    assert [row["id"] for row in around["rows"]] == [2, 3]


def test_a_page_says_how_it_goes_on(run: Run) -> None:
    result = run("messages", "last", "1", "--limit", "2")
    assert "Recado 5" in succeed(result)
    assert "Older rows: --before " in result.stderr
    assert "Newer rows: --after " in result.stderr
    unread = run("messages", "unread", "1", "--limit", "2")
    assert "Next rows: --cursor " in unread.stderr


def test_a_search_shows_the_message_with_its_contact(run: Run) -> None:
    lines = succeed(run("messages", "search", "recado 3")).splitlines()
    assert lines[1].split()[-3:] == ["contact", "Recado", "3"]
    assert "Rui" in lines[1]
    bounded = run("messages", "search", "zz")
    assert "Only the newest 10,000 messages were searched" in bounded.stderr


def test_contacts_are_found_and_listed(run: Run) -> None:
    found = json.loads(succeed(run("contacts", "find", "+55 11 98765-4321", "--json")))
    assert [row["id"] for row in found["rows"]] == [101]
    assert "551199" in fail(run("contacts", "find", "551199"), CheckFailedError)
    active = succeed(run("contacts", "active")).splitlines()
    assert [line.split()[-1] for line in active] == ["name", "Caio", "Eva", "Rui"]
    busy = json.loads(succeed(run("contacts", "with-open-tickets", "--json")))
    assert [(row["id"], row["tickets"]) for row in busy["rows"]] == [(100, 1), (101, 1)]


def test_reports_have_a_row_for_each(run: Run) -> None:
    (row,) = json.loads(succeed(run(*COUNTS, "--by", "queue", "--json")))["rows"]
    assert row == {"group": {"id": 1, "name": "Vendas"}, "begun": 1, "accepted": 1, "finished": 1,
                   "rated": 0}  # fmt: skip
    times = succeed(run("reports", "times", *COUNTS[2:], "--by", "user")).splitlines()
    assert times[1].split() == ["Ana", "1", *["10:00"] * 3, *["-"] * 3, *["1:00:00"] * 3]
    ratings = succeed(run("reports", "ratings", *COUNTS[2:])).splitlines()
    assert ratings[1].split() == ["total", "1", "10.0", "1", "0", "0", "+100"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(("tickets", "list", "--queue", "501"), "has no queue 501", id="queue"),
        pytest.param(("tickets", "list", "--contact", "600"), "has no contact 600", id="contact"),
        pytest.param(("messages", "last", "501"), "has no ticket 501", id="ticket"),
        pytest.param(
            ("messages", "last", "1", "--around", "501"), "has no message 501", id="message"
        ),
        pytest.param(("messages", "unread", "501"), "has no ticket 501", id="unread"),
        pytest.param(("tickets", "list", "--cursor", "x"), "cursor is not one of", id="cursor"),
    ],
)
def test_what_belongs_to_another_company_is_unknown(
    run: Run, words: tuple[str, ...], complaint: str
) -> None:
    assert complaint in fail(run(*words), InvalidUsageError)


def test_another_companys_rows_are_in_no_answer(run: Run) -> None:
    theirs = json.loads(succeed(run("tickets", "list", "--limit", "1", "--json", company=2)))
    assert [row["id"] for row in theirs["rows"]] == [501]
    for words in (
        ("tickets", "list"),
        ("tickets", "unread"),
        ("messages", "search", "segredo"),
        ("contacts", "active"),
        ("contacts", "with-open-tickets"),
    ):
        rows = json.loads(succeed(run(*words, "--json")))["rows"]
        assert not {501, 600} & {row["id"] for row in rows}


def test_a_company_that_does_not_exist_is_said(run: Run) -> None:
    assert fail(run("tickets", "list", company=3), InvalidUsageError) == "There is no company 3."


def test_without_the_readers_login_nothing_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DB_READER_USER")
    assert "DB_READER_USER" in fail(run("tickets", "list"), RefusedError)
