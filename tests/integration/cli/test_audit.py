"""`chatia audit`: who asked what, from the requests' records and the history of dead letters."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from shared.cli.app import build_app
from shared.cli.errors import InvalidUsageError

pytestmark = pytest.mark.integration

Run = Callable[..., Result]

ROWS = """
INSERT INTO "Companies" (id, name) VALUES (1, 'Padaria'), (2, 'Oficina');
INSERT INTO "Requests" (service, "companyId", "requestId", answer, type, actor, "createdAt") VALUES
 ('tickets', 1, 'a', '[{"type": "chatia.ticket.updated.v1",
   "data": {"ticketId": 12, "status": "open", "lastMessage": "private"}}]', 'ticket.accept',
  'user 5', '2026-08-20T12:00:00Z'),
 ('contacts', 2, 'b', '[{"type": "chatia.record.saved.v1",
   "data": {"table": "Tags", "inserted": {"Tags": [{"id": 1}, {"id": 2}]}}}]', 'record.save',
  'Ana', '2026-08-20T13:00:00Z'),
 ('messages', 1, 'c', '[]', 'message.compose', NULL, '2026-08-20T14:00:00Z'),
 ('tickets', 0, 'd', '[]', NULL, NULL, '2026-08-20T09:00:00Z');
INSERT INTO "DeadLetters" (service, topic, partition, "offset", reason, "companyId", history)
SELECT 'contacts', 'chatia.message.received', 0, n, 'unknown-line', 2,
 '[{"did": "replayed", "by": "Ana", "at": "2026-08-20T15:00:00Z"}, {"did": "resolved", "at":
   "2026-08-20T15:00:01Z"}]'
FROM generate_series(1, 7) AS n;
"""


@pytest.fixture
def run(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `chatia audit …` on four requests and seven replayed dead letters."""

    async def insert() -> None:
        conn = await asyncpg.connect(migrated_url)
        await conn.execute(ROWS)
        await conn.close()

    asyncio.run(insert())
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    return lambda *words: CliRunner().invoke(build_app("audit"), ("audit", *words))


def list_asked(result: Result) -> list[Any]:
    assert result.exception is None
    return [(entry["actor"], entry["asked"]) for entry in json.loads(result.stdout)]


ALL = [
    ("Ana", "dead-letter.replayed"),
    (None, "message.compose"),
    ("Ana", "record.save"),
    ("user 5", "ticket.accept"),
    (None, None),
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [ALL[0], ALL[2], ALL[3]]),
        (("--all",), ALL),
        (("--all", "--limit", "2"), ALL[:2]),
        (("--company", "1"), [ALL[3]]),
        (("--company", "0", "--all"), [ALL[4]]),
        (("--actor", "Ana"), [ALL[0], ALL[2]]),
        (("--actor", "Ana", "--company", "1"), []),
        (("--since", "2026-08-20T13:00:00", "--until", "2026-08-20T15:00:00+00:00"), [ALL[2]]),
    ],
)
def test_entries_are_found_by_company_actor_and_time(
    run: Run, words: tuple[str, ...], expected: list[Any]
) -> None:
    assert list_asked(run("--json", *words)) == expected


def test_the_table_says_what_was_answered_and_no_text_of_customers(run: Run) -> None:
    lines = run("--company", "1").stdout.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "at actor company asked of about",
        "2026-08-20 12:00:00 user 5 1 ticket.accept tickets ticket.updated ticketId=12 status=open",
    ]
    saved = run("--company", "2").stdout
    assert "record.saved table=Tags inserted=2" in saved


def test_dead_letters_of_one_command_are_one_entry(run: Run) -> None:
    (entry,) = json.loads(run("--company", "2", "--limit", "1", "--json").stdout)
    assert entry["about"] == ["7 letters (unknown-line): 1, 2, 3, 4, 5, …"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--company", "3"), "There is no company 3"),
        (("--actor", "Rui"), "Nothing of the last 30 days was asked by Rui"),
    ],
)
def test_a_company_or_actor_that_is_not_known_is_an_error(
    run: Run, words: tuple[str, ...], complaint: str
) -> None:
    error = run(*words).exception
    assert isinstance(error, InvalidUsageError)
    assert str(error).startswith(complaint)
