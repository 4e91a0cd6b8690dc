"""`chatia dead-letters` without Kafka: list, show, discard and refusals."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from shared.cli import dead_letters
from shared.cli.errors import CommandError
from shared.db.roles import READER
from tests.support.role_rows import login_of
from tests.support.servers import ROLE_PASSWORD

pytestmark = pytest.mark.integration

Run = Callable[..., Result]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")

INSERT = """
INSERT INTO "DeadLetters" (service, topic, partition, "offset", key, headers, body, reason, detail,
                           "companyId", status, "createdAt")
SELECT s, t, 0, row_number() OVER (), key, headers, body, r, 'because', c, status,
       '2026-08-20T12:00:00Z'::timestamptz + (n - 1) * interval '1 hour'
FROM (VALUES
  (1, 'contacts', 'chatia.message.received', 'unreadable-body', 1, 'open',
   'k'::bytea, '[["x", "\\u00ff"], ["none", null]]'::jsonb, '{"a": "\u00e7"}'::bytea),
  (2, 'contacts', 'chatia.message.received', 'unknown-line', 2, 'open', NULL, '[]', NULL),
  (3, 'tickets', 'chatia.message.identified', 'unknown-contact', 1, 'replayed', NULL, '[]',
   '\\x1b5b324aff'::bytea),
  (4, 'messages', 'evolution.global.call', 'unknown-connection', NULL, 'resolved', NULL, '[]', ''),
  (5, 'messages', 'evolution.global.call', 'unknown-connection', NULL, 'discarded', NULL, '[]', '')
) AS v(n, s, t, r, c, status, key, headers, body)
ORDER BY n
"""


REQUEST = """
INSERT INTO "DeadLetters" (service, topic, partition, "offset", headers, body, reason, detail)
VALUES ('messages', 'chatia.messages.requests', 0, 9, '[]',
        '{"rows": [{"apiKey": "(blanked)"}]}', 'unknown-version', 'because')
RETURNING id
"""


@pytest.fixture
def run(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `chatia dead-letters …` on five dead letters of successive hours."""
    asyncio.run(_insert_dead_letters(migrated_url))
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "[::1]:1")
    monkeypatch.setenv("LOGNAME", "ana")
    return lambda *words: CliRunner().invoke(dead_letters.app, words)


async def _insert_dead_letters(url: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(INSERT)
    finally:
        await conn.close()


def read_json(result: Result) -> Any:
    assert result.exception is None
    return json.loads(result.stdout)


def list_ids(run: Run, *words: str) -> list[int]:
    return [dead_letter["id"] for dead_letter in read_json(run("list", "--json", *words))]


FILTERS: dict[str, tuple[tuple[str, ...], list[int]]] = {
    "what is not settled, the newest first": ((), [3, 2, 1]),
    "all": (("--status", "all"), [5, 4, 3, 2, 1]),
    "status": (("--status", "resolved"), [4]),
    "service": (("--service", "contacts"), [2, 1]),
    "topic": (("--topic", "message.received"), [2, 1]),
    "topic in full": (("--topic", "chatia.message.identified"), [3]),
    "topic of others": (("--topic", "evolution.global.call", "--status", "all"), [5, 4]),
    "reason": (("--reason", "unknown-line"), [2]),
    "company": (("--company", "1"), [3, 1]),
    "since, in UTC": (("--since", "2026-08-20T13:00"), [3, 2]),
    "since, with a zone": (("--since", "2026-08-20T10:30-03:00"), [3]),
    "until, which is not in it": (("--until", "2026-08-20T13:00Z"), [1]),
    "before, the same": (("--before", "2026-08-20T13:00Z"), [1]),
    "a day": (("--since", "2026-08-20", "--until", "2026-08-21"), [3, 2, 1]),
    "none": (("--reason", "too-deep"), []),
    "a company that is deleted and has letters": (("--company", "2"), [2]),
}


def test_filters(run: Run) -> None:
    found = {name: list_ids(run, *words) for name, (words, _) in FILTERS.items()}
    assert found == {name: ids for name, (_, ids) in FILTERS.items()}


@pytest.fixture
def as_reader(run: Run, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the same where a reader's login is set."""
    monkeypatch.setenv("DB_READER_USER", asyncio.run(_load_reader_name(migrated_url)))
    monkeypatch.setenv("DB_READER_PASS", ROLE_PASSWORD)
    return run


async def _load_reader_name(url: str) -> str:
    conn = await asyncpg.connect(url)
    try:
        return await login_of(conn, READER)
    finally:
        await conn.close()


def test_a_company_is_read_with_the_readers_login(as_reader: Run) -> None:
    assert list_ids(as_reader, "--company", "1") == [3, 1]
    assert read_json(as_reader("show", "1", "--company", "1", "--json"))["companyId"] == 1


def test_the_reader_is_not_shown_another_companys_letter(as_reader: Run) -> None:
    refused = as_reader("show", "2", "--company", "1").exception
    assert str(refused) == "There is no dead letter 2."


def test_without_a_readers_login_another_companys_letter_is_not_shown_either(run: Run) -> None:
    refused = run("show", "2", "--company", "1").exception
    assert str(refused) == "There is no dead letter 2."


def test_the_readers_login_is_used_where_a_company_is_named_and_nowhere_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_READER_USER", "nobody_here")
    assert list_ids(run) == [3, 2, 1]
    refused = run("list", "--company", "1").exception
    assert isinstance(refused, CommandError)
    assert "refused the login" in str(refused)


def test_a_list_that_reached_the_limit_says_so(run: Run) -> None:
    result = run("list", "--limit", "1")
    assert [line.split()[:5] for line in result.stdout.splitlines()[1:]] == [
        ["3", "replayed", "tickets", "chatia.message.identified", "unknown-contact"]
    ]
    assert result.stderr == "Shown: 1 of 3; --limit shows more.\n"


def test_a_dead_letter_is_shown_as_text(run: Run) -> None:
    shown = run("show", "1").stdout
    assert "chatia.message.received/0 offset 1" in shown
    assert r"x = \xff" in shown
    assert "none = none" in shown
    assert shown.endswith('\n{"a": "ç"}\n')


def test_control_characters_of_a_body_are_escaped(run: Run) -> None:
    assert run("show", "3").stdout.endswith("\n\\x1b[2J\\xff\n")
    assert "has no body" in run("show", "2").stdout


def test_a_dead_letter_is_shown_as_json(run: Run) -> None:
    text, nothing, binary = (read_json(run("show", "--json", number)) for number in "123")
    assert (text["bodyEncoding"], text["body"], text["bodyBytes"]) == ("utf-8", '{"a": "ç"}', 11)
    assert (text["key"], text["headers"]) == ("k", [["x", "\\xff"], ["none", None]])
    assert (nothing["body"], nothing["bodyBytes"]) == (None, None)
    assert (binary["bodyEncoding"], binary["body"]) == ("base64", "G1sySv8=")


def test_the_body_alone_is_printed_byte_for_byte(run: Run) -> None:
    assert run("show", "3", "--body").stdout_bytes == b"\x1b[2J\xff"


def test_a_discard_is_recorded_and_repeated_changes_nothing(run: Run) -> None:
    assert run("discard", "1", "3", "5").stdout == "Discarded: 2 (1, 3). Settled before: 5.\n"
    first = read_json(run("show", "1", "--json"))
    assert run("discard", "1").stdout == "Discarded: 0. Settled before: 1.\n"
    assert read_json(run("show", "1", "--json")) == first
    assert first["status"] == "discarded"
    ((did, by, at),) = [(e["did"], e["by"], e["at"]) for e in first["history"]]
    assert (did, by) == ("discarded", "ana")
    assert at.endswith("+00:00")


REFUSALS: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("show", "9"), 2, "There is no dead letter 9."),
    (("replay", "9", "8"), 2, "There is no dead letter 8, 9."),
    (("discard", "1", "9"), 2, "There is no dead letter 9."),
    (("discard", "4"), 4, "Already resolved, so nothing was done: dead letter 4."),
    (("replay", "5"), 4, "Already discarded, so nothing was done: dead letter 5."),
    (("replay",), 2, "Say which letters: by their ids, or by filters and --all."),
    (("replay", "1", "--all"), 2, "Say which letters: by their ids, or by filters and --all."),
    (("replay", "--reason", "skipped"), 2, "This would replay 0 letters: add --all to say yes."),
    (("replay", "--status", "all", "--all"), 2, "Only letters that are open or replayed"),
    (("discard",), 2, "Say which letters: by their ids, or by filters and --all."),
    (("discard", "1", "--company", "1"), 2, "Say which letters: by their ids, or by filters"),
    (("discard", "--company", "1"), 2, "This would discard 1 letters: add --all to say yes."),
    (("discard", "--status", "resolved", "--all"), 2, "Only letters that are open or replayed"),
    (("replay", "1", "--header", "x"), 2, "--header x is not NAME=VALUE."),
    (("replay", "1", "2", "--edit", "pyproject.toml"), 2, "--edit is for one letter"),
    (("replay", "--all"), 3, "Kafka at [::1]:1 does not answer"),
)


def test_refusals_say_why_and_change_nothing(run: Run) -> None:
    before = run("list", "--status", "all", "--json").stdout
    for words, code, message in REFUSALS:
        error = run(*words).exception
        assert isinstance(error, CommandError), words
        assert error.exit_code == code
        assert message in str(error)
        assert "\n" not in str(error)
    assert run("list", "--status", "all", "--json").stdout == before


@pytest.mark.parametrize("command", ["list", "summary", "replay", "discard"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--reason", "unknown-lines"), "There is no reason unknown-lines: did you mean unknown-l"),
        (("--reason", "x"), "There is no reason x: there are ambiguous-connection, being-deleted"),
        (("--company", "3"), "There is no company 3."),
        (("--topic", "message.recieved"), "There is no topic message.recieved: did you mean messa"),
        (("--topic", "evolution.global.x"), "There is no topic evolution.global.x"),
    ],
)
def test_what_does_not_exist_is_wrong_usage(
    run: Run, command: str, words: tuple[str, ...], message: str
) -> None:
    error = run(command, *words).exception
    assert isinstance(error, CommandError)
    assert (error.exit_code, str(error)[: len(message)]) == (2, message)


def test_a_company_that_does_not_exist_has_no_letter_to_show(run: Run) -> None:
    assert str(run("show", "1", "--company", "3").exception) == "There is no company 3."


def test_the_reader_is_told_of_companies_that_do_not_exist_too(as_reader: Run) -> None:
    for command in ("list", "summary"):
        assert str(as_reader(command, "--company", "3").exception) == "There is no company 3."


@pytest.mark.parametrize(
    "topic", ["message.received", "chatia.message.send", "evolution.global.call"]
)
def test_topics_of_ours_and_of_letters_exist(run: Run, topic: str) -> None:
    assert run("list", "--topic", topic).exception is None


def test_letters_are_counted_by_reason_service_and_company(run: Run) -> None:
    asked = read_json(run("summary", "--json"))
    counted = [
        tuple(
            row[name] for name in ("reason", "service", "company", "open", "replayed", "resolved")
        )
        for row in asked
    ]
    assert counted == [
        ("unknown-line", "contacts", 2, 1, 0, 0),
        ("unreadable-body", "contacts", 1, 1, 0, 0),
        ("unknown-contact", "tickets", 1, 0, 1, 0),
        ("unknown-connection", "messages", None, 0, 0, 1),
    ]
    assert (asked[3]["discarded"], asked[3]["oldest"], asked[3]["newest"]) == (
        1,
        "2026-08-20T15:00:00+00:00",
        "2026-08-20T16:00:00+00:00",
    )
    assert read_json(run("summary", "--by", "service", "--status", "open", "--json")) == [
        {
            "service": "contacts",
            "open": 2,
            "replayed": 0,
            "resolved": 0,
            "discarded": 0,
            "oldest": "2026-08-20T12:00:00+00:00",
            "newest": "2026-08-20T13:00:00+00:00",
        }
    ]


def test_a_summary_ends_with_the_totals(run: Run) -> None:
    assert run("summary", "--by", "reason", "--company", "1").stdout.splitlines() == [
        "reason           open  replayed  oldest      newest    ",
        "unreadable-body     1         0  2026-08-20  2026-08-20",
        "unknown-contact     0         1  2026-08-20  2026-08-20",
        "Dead letters: 2 (open 1, replayed 1).",
    ]
    assert run("summary", "--reason", "too-deep").stdout == "Dead letters: 0 (open 0).\n"


def test_letters_are_discarded_by_filter_in_bounded_transactions(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.cli.dead_letter_actions.DISCARD_CHUNK_SIZE", 1)
    would = read_json(run("discard", "--service", "contacts", "--dry-run", "--json"))
    assert would == {"discarded": [1, 2], "settledBefore": [], "dryRun": True}
    done = run("discard", "--service", "contacts", "--before", "2026-08-21", "--all")
    assert done.stdout == "Discarded: 2 (1, 2).\n"
    assert list_ids(run) == [3]
    assert run("discard", "--all", "--status", "replayed").stdout == "Discarded: 1 (3).\n"


def test_a_limit_takes_the_oldest(run: Run) -> None:
    assert run("discard", "--all", "--limit", "1").stdout == "Discarded: 1 (1).\n"
    assert list_ids(run, "--status", "open") == [2]


@pytest.mark.parametrize("command", [("list", "--status", "all"), ("summary",)])
def test_tables_fit_a_terminal_of_80_columns(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    whole = run(*command).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    lines = ESCAPE.sub("", run(*command).stdout).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(whole.splitlines())
    assert "unknown-connection" in "".join(lines)


@pytest.fixture
def request_with_a_secret(migrated_url: str) -> str:
    """Insert the dead letter of a request whose secret was blanked; return its id."""

    async def insert() -> str:
        conn = await asyncpg.connect(migrated_url)
        try:
            return str(await conn.fetchval(REQUEST))
        finally:
            await conn.close()

    return asyncio.run(insert())


def test_a_request_with_blanked_secrets_is_replayed_only_with_edit(
    run: Run, request_with_a_secret: str, tmp_path: Path
) -> None:
    refused = run("replay", request_with_a_secret).exception
    assert "secrets were blanked, and --edit has to give them anew" in str(refused)
    (tmp_path / "anew.json").write_text('{"rows": [{"apiKey": "new"}]}')
    tried = run("replay", request_with_a_secret, "--edit", str(tmp_path / "anew.json")).exception
    assert "Kafka at [::1]:1 does not answer" in str(tried)


@pytest.fixture
def message_that_was_too_old(migrated_url: str) -> str:
    """Insert the dead letter of a message past its retention; return its id."""

    async def insert() -> str:
        conn = await asyncpg.connect(migrated_url)
        try:
            found = await conn.fetchval(REQUEST)
            await conn.execute(
                """UPDATE "DeadLetters" SET reason = 'too-old', body = NULL WHERE id = $1""", found
            )
            return str(found)
        finally:
            await conn.close()

    return asyncio.run(insert())


def test_a_message_that_was_too_old_is_never_replayed(
    run: Run, message_that_was_too_old: str, tmp_path: Path
) -> None:
    (tmp_path / "body.json").write_text("{}")
    for edit in ((), ("--edit", str(tmp_path / "body.json"))):
        refused = run("replay", message_that_was_too_old, *edit).exception
        assert "the message is older than its company keeps messages" in str(refused)


@pytest.mark.parametrize(
    "words",
    [
        ("show", "x"),
        ("show", "0"),
        ("show", str(2**63)),
        ("list", "--since", "yesterday"),
        ("list", "--status", "lost"),
        ("list", "--company", str(2**31)),
        ("replay", "1", "--edit", "no-such-file"),
        ("discard", "x"),
        ("replay", "1", "--timeout", "-1"),
        ("summary", "--by", "colour"),
    ],
)
def test_invalid_arguments_are_wrong_usage(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(dead_letters.app, words).exit_code == 2
