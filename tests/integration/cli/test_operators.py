"""The commands with which an operator keeps lines, users and companies, on one database."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import bcrypt
import pytest
from typer.testing import CliRunner, Result

from shared.cli.app import build_app
from shared.cli.errors import CommandError, InvalidUsageError, RefusedError
from shared.gateways.registry import GATEWAYS
from shared.seeds.rows import hash_password
from tests.support.deployment import EMPTY
from tests.support.servers import TestServers, cloned

pytestmark = pytest.mark.integration

Run = Callable[..., Result]
Sql = Callable[..., list[dict[str, Any]]]

ROWS = """
INSERT INTO "Plans" (id, name, users, connections, queues)
VALUES (1, 'Plano 1', 10, 10, 10), (2, 'Livre', NULL, NULL, NULL);
INSERT INTO "Companies" (id, name, "planId") VALUES (1, 'Empresa 1', 1), (2, 'Oficina', 2);
INSERT INTO "Users" (id, "companyId", name, email, "passwordHash")
VALUES (1, 1, 'Administrador', 'admin@admin.com', 'a hash');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (10, 1, 'Loja Centro');
INSERT INTO "GatewayConnections" (gateway, server, instance, "companyId", "whatsappId")
VALUES ('evolution', 'https://evo.example.com/', 'centro', 1, 10);
SELECT setval('"Companies_id_seq"', 2), setval('"Users_id_seq"', 1),
       setval('"Whatsapps_id_seq"', 5);
"""
HEADER = "company,line,name,gateway,server,instance,aliases,portfolio,interval_ms\n"
SECRET = "a secret of the operator"  # noqa: S105 - made up
TAKEN = (
    "User 1 of company 1 has the e-mail address admin@admin.com: choose another one, since it is "
    "the login."
)
NEW_COMPANY = ("companies", "create", "Nova", "--email", "n@example.com", "--generate")
LINES = """SELECT "companyId", id, name FROM "Whatsapps" ORDER BY id"""


@pytest.fixture(scope="module")
def url(servers: TestServers, migrated_template: str) -> Iterator[str]:
    """Return the address of one database for all tests."""
    with asyncio.Runner() as runner:
        database = cloned(servers.database_url, migrated_template)
        yield runner.run(database.__aenter__())
        runner.run(database.__aexit__(None, None, None))


@pytest.fixture
def sql(url: str) -> Sql:
    def run(query: str, *values: object) -> list[dict[str, Any]]:
        async def fetch() -> list[dict[str, Any]]:
            conn = await asyncpg.connect(url)
            try:
                return [dict(row) for row in await conn.fetch(query, *values)]
            finally:
                await conn.close()

        return asyncio.run(fetch())

    return run


@pytest.fixture
def run(url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `chatia …` on two companies, of which the first has a user and a line."""

    async def insert() -> None:
        conn = await asyncpg.connect(url)
        await conn.execute(EMPTY + ";" + ROWS)
        await conn.close()

    asyncio.run(insert())
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("CHATIA_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("LOGNAME", "ana")

    def call(*words: str, given: str = "") -> Result:
        return CliRunner().invoke(build_app(words[0]), words, input=given)

    return call


def succeed(result: Result) -> str:
    assert result.exception is None, result.exception
    return result.stdout


def fail(result: Result, kind: type[CommandError]) -> str:
    assert isinstance(result.exception, kind), result
    return str(result.exception)


def test_180_lines_are_registered_at_once_and_a_repetition_changes_nothing(
    run: Run, sql: Sql
) -> None:
    rows = [f"2,,Linha {n},evolution,https://evo.example.com,linha-{n},,,{n * 100}" for n in
            range(1, 180)]  # fmt: skip
    rows.append("1,10,Loja Centro,evolution,https://evo.example.com,centro,antiga,,500")
    given = HEADER + "\n".join(rows)
    lines = json.loads(succeed(run("lines", "register", "-", "--json", given=given)))
    assert len(lines) == 180
    assert [line["was"] for line in lines] == ["new"] * 179 + ["changed"]
    first, last = lines[0], lines[-1]
    assert (first["company"], first["name"]) == (2, "Linha 1")
    assert first["webhook"] == f"/gateways/evolution/2/{first['line']}"
    token = succeed(run("gateway", "token", "evolution", "--company", "1", "--line", "10"))
    assert last["token"] in token
    stored = sql('SELECT count(*) FROM "Whatsapps"'), sql('SELECT * FROM "GatewayConnections"')
    assert stored[0] == [{"count": 180}]
    assert len(stored[1]) == 181
    assert sql('SELECT "intervalMs" FROM "LineSendRates" WHERE "whatsappId" = 10') == [
        {"intervalMs": 500}
    ]
    again = json.loads(succeed(run("lines", "register", "-", "--json", given=given)))
    assert {line["was"] for line in again} == {"there already"}
    assert [line["line"] for line in again] == [line["line"] for line in lines]
    assert sql('SELECT * FROM "GatewayConnections"') == stored[1]
    acts = sql("""SELECT "companyId", actor FROM "Requests" WHERE type = 'operator.lines.register'
                  ORDER BY 1""")
    assert acts == [{"companyId": 1, "actor": "ana"}, {"companyId": 2, "actor": "ana"}]


def test_a_file_with_bad_rows_registers_nothing_and_names_each(run: Run, sql: Sql) -> None:
    before = sql(LINES)
    rows = [
        "2,,Norte,waha,https://waha.example.com,default,,,",
        "3,,Sul,waha,,,,,",
        "1,,Oeste,evolution,https://evo.example.com,centro,,,",
        "1,10,Leste,waha,,,,,",
        "4,,Nova,telegram,,,,,x",
    ]
    given = HEADER + "\n".join(rows)
    complaint = fail(run("lines", "register", "-", given=given), InvalidUsageError)
    taken = "centro of evolution at https://evo.example.com is connected to line 10 of company 1"
    assert complaint.splitlines() == [
        "Line 3, column company: there is no company 3.",
        f"Line 4, column instance: {taken}: name another one, or give that line another one first.",
        "Line 5, column name: line 10 is called Loja Centro: rename it with `chatia record save`.",
        "Line 6, column company: there is no company 4.",
        f"Line 6, column gateway: telegram is not known; there are {', '.join(GATEWAYS)}.",
        "Line 6, column interval_ms: a number from 1 to 2,147,483,647 is wanted.",
        "Nothing is registered; correct the file and run it again.",
    ]
    assert sql(LINES) == before


def test_lines_with_ids_of_their_own_leave_room_for_those_without(run: Run, sql: Sql) -> None:
    given = HEADER + "2,40,A,waha,,,,,\n2,,B,waha,,,,,\n"
    succeed(run("lines", "register", "-", given=given))
    succeed(run("lines", "register", "-", given=HEADER + "2,,C,waha,,,,,\n"))
    ids = {row["name"]: row["id"] for row in sql(LINES)}
    assert (ids["Loja Centro"], ids["A"]) == (10, 40)
    assert 40 < ids["B"] < ids["C"]


def test_a_companys_plan_limits_its_lines(run: Run) -> None:
    given = HEADER + "".join(f"1,,L{n},waha,,,,,\n" for n in range(10))
    complaint = fail(run("lines", "register", "-", given=given), InvalidUsageError)
    assert complaint.splitlines()[0] == (
        "Line 11, column company: the company's plan allows 9 more lines: change its plan first."
    )


def test_another_server_changes_the_lines_connection(run: Run, sql: Sql) -> None:
    given = HEADER + "1,,Loja Centro,waha,https://waha.example.com,default,,p1,\n"
    assert "changed" in succeed(run("lines", "register", "-", given=given))
    (connection,) = sql('SELECT * FROM "GatewayConnections"')
    named = {name: connection[name] for name in ("gateway", "server", "instance", "portfolio")}
    assert named == {
        "gateway": "waha", "server": "https://waha.example.com", "instance": "default",
        "portfolio": "p1",
    }  # fmt: skip


def test_what_is_changed_about_a_line_is_said_and_that_workers_do_not_send_for_it(
    run: Run,
) -> None:
    changed = run("lines", "register", "-", given=HEADER + "1,,Loja Centro,waha,,novo,a,,500\n")
    assert succeed(changed).splitlines()[-1] == (
        "Line 10 of company 1: gateway: evolution → waha; server: https://evo.example.com → none; "
        "instance: centro → novo; aliases: none → a; interval_ms: none → 500."
    )
    assert changed.stderr == (
        "Line 10 of company 1 has no server now: workers do not send for it until the file names "
        "one.\n"
    )
    given = HEADER + "1,,Loja Centro,waha,https://w.example.com,novo,a,,700\n"
    (line,) = json.loads(succeed(run("lines", "register", "-", "--json", given=given)))
    assert line["changes"] == [
        {"column": "server", "old": None, "new": "https://w.example.com"},
        {"column": "aliases", "old": None, "new": "a"},
        {"column": "interval_ms", "old": "500", "new": "700"},
    ]
    again = run("lines", "register", "-", given=given)
    assert "→" not in succeed(again)
    assert again.stderr == ""


def test_the_list_says_which_secrets_are_set_and_never_the_secrets(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (
        HEADER
        + "2,20,Meta,cloud-api,https://graph.facebook.com,1065,,,250\n2,21,Go,evolution-go,,go,,,\n"
    )
    succeed(run("lines", "register", "-", given=given))
    keys = tmp_path / "keys"
    keys.write_text("CHATIA_GATEWAY_KEY_1_10=hidden-key\n", "utf-8")
    monkeypatch.setenv("CHATIA_LINE_KEYS_FILE", str(keys))
    printed = succeed(run("lines", "list", "--json"))
    named = [
        (line["line"], line["gateway"], line["intervalMs"], line["hasKey"],
         line["hasWebhookSecret"])
        for line in json.loads(printed)
    ]  # fmt: skip
    assert named == [
        (10, "evolution", 20_000, True, True),
        (20, "cloud-api", 250, False, False),
        (21, "evolution-go", 20_000, None, True),
    ]
    table = succeed(run("lines", "list", "--company", "1"))
    assert [" ".join(line.split()) for line in table.splitlines()] == [
        "company line name gateway instance status interval key webhook",
        "1 10 Loja Centro evolution centro - 20000 (default) yes yes",
    ]
    assert "hidden-key" not in printed + table
    keys.write_text("half", "utf-8")
    broken = run("lines", "list", "--company", "1")
    assert broken.stderr == f"{keys} cannot be read: its last line has no end.\n"


def test_a_rate_takes_effect_at_once(run: Run, sql: Sql) -> None:
    line = ("--company", "1", "--line", "10")
    succeed(run("lines", "set-rate", "3600000", *line))
    sql("""UPDATE "LineSendRates" SET "nextSendAt" = now() + interval '1 hour'""")
    assert "every 500 ms" in succeed(run("lines", "set-rate", "500", *line))
    rate = """SELECT "intervalMs", "nextSendAt" < now() + interval '1 second' AS "isSoon"
              FROM "LineSendRates" WHERE "companyId" = 1 AND "whatsappId" = 10"""
    assert sql(rate) == [{"intervalMs": 500, "isSoon": True}]
    succeed(run("lines", "set-rate", "--default", *line))
    assert sql(rate) == []
    assert "either" in fail(run("lines", "set-rate", *line), InvalidUsageError)


def test_a_key_is_rotated_in_the_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: Sql
) -> None:
    keys = tmp_path / "keys"
    line = ("--company", "1", "--line", "10")
    rotate = ("lines", "rotate-key", *line)
    assert "CHATIA_LINE_KEYS_FILE" in fail(run(*rotate, given="k\n"), InvalidUsageError)
    monkeypatch.setenv("CHATIA_LINE_KEYS_FILE", str(keys))
    printed = succeed(run(*rotate, given="new-key\nmore\n"))
    printed += succeed(run(*rotate, "--app-secret", given="app-secret\n"))
    assert keys.read_text("utf-8") == (
        "CHATIA_GATEWAY_KEY_1_10=new-key\nCHATIA_CLOUD_API_SECRET_1_10=app-secret\n"
    )
    assert "nothing was given" in fail(run(*rotate), InvalidUsageError)
    acts = sql("""SELECT answer FROM "Requests" WHERE type = 'operator.lines.rotate-key'""")
    assert len(acts) == 2
    assert "new-key" not in printed + str(acts)


def test_a_password_is_set_and_ends_sessions_and_resets(run: Run, sql: Sql) -> None:
    sql("""UPDATE "Users" SET "resetPasswordToken" = 't', "passwordResetToken" = 't'""")
    succeed(run("users", "set-password", "ADMIN@admin.com", given="correct horse\n"))
    (user,) = sql('SELECT * FROM "Users"')
    assert bcrypt.checkpw(b"correct horse", user["passwordHash"].encode())
    assert user["passwordHash"].startswith(hash_password("x")[:7])
    assert (user["tokenVersion"], user["resetPasswordToken"], user["passwordResetToken"]) == (
        1, None, None,
    )  # fmt: skip
    shown = succeed(run("users", "set-password", str(user["id"]), "--generate"))
    password = shown.split()[-1]
    (user,) = sql('SELECT * FROM "Users"')
    assert bcrypt.checkpw(password.encode(), user["passwordHash"].encode())
    assert password not in succeed(run("audit", "--json"))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("short\n", "A password has at least 8 characters."),
        ("", "Password: nothing was given on standard input."),
        ("p" * 73, "The password is longer than the 72 bytes that bcrypt takes."),
        ("pass\tword\n", "Password: it has characters that cannot be printed."),
    ],
)
def test_an_unusable_password_is_refused(run: Run, given: str, complaint: str, sql: Sql) -> None:
    before = sql('SELECT * FROM "Users"')
    words = ("users", "set-password", "admin@admin.com")
    assert fail(run(*words, given=given), InvalidUsageError) == complaint
    assert sql('SELECT * FROM "Users"') == before


def test_a_disabled_user_has_no_password_until_one_is_set(run: Run, sql: Sql) -> None:
    def state() -> str:
        return str(json.loads(succeed(run("users", "list", "--json")))[0]["disabled"])

    assert state() == "False"
    succeed(run("users", "disable", "admin@admin.com"))
    (user,) = sql('SELECT "passwordHash", "tokenVersion" FROM "Users"')
    assert (user["passwordHash"], user["tokenVersion"]) == ("!", 1)
    assert state() == "True"
    assert "disabled" in succeed(run("users", "list", "--company", "1"))
    succeed(run("users", "set-password", "admin@admin.com", "--generate"))
    assert state() == "False"


def test_a_company_is_created_with_its_settings_and_its_first_user(run: Run, sql: Sql) -> None:
    create = ("companies", "create", "Padaria", "--plan", "Plano 1", "--admin", "Ana")
    succeed(run(*create, "--email", "ana@padaria.example", given="correct horse\n"))
    (company,) = sql("""SELECT c.id, p.name AS plan, c.status, c."dueDate" > now() AS "isPaid"
                        FROM "Companies" c JOIN "Plans" p ON p.id = c."planId"
                        WHERE c.name = 'Padaria'""")
    assert (company["plan"], company["status"], company["isPaid"]) == ("Plano 1", True, True)
    (user,) = sql('SELECT * FROM "Users" WHERE "companyId" = $1', company["id"])
    assert (user["name"], user["profile"], user["super"]) == ("Ana", "admin", False)
    (settings,) = sql('SELECT * FROM "CompaniesSettings" WHERE "companyId" = $1', company["id"])
    assert (settings["hoursCloseTicketsAuto"], settings["chatBotType"]) == ("9999999999", "text")
    listed = json.loads(succeed(run("companies", "list", "--json")))[-1]
    assert (listed["name"], listed["users"], listed["mostUsers"], listed["lines"]) == (
        "Padaria", 1, 10, 0,
    )  # fmt: skip
    assert "1 of 10" in succeed(run("companies", "list"))


@pytest.mark.parametrize(
    ("name", "email", "complaint"),
    [
        ("Oficina", "o@example.com", "Company 2 is called Oficina: choose another name."),
        ("Nova", "Admin@admin.com", TAKEN),
    ],
)
def test_a_taken_name_or_address_is_said_and_nothing_is_created(
    run: Run, sql: Sql, name: str, email: str, complaint: str
) -> None:
    words = ("companies", "create", name, "--plan", "Livre", "--email", email, "--generate")
    assert fail(run(*words), RefusedError) == complaint
    assert sql('SELECT count(*) FROM "Companies"') == [{"count": 2}]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("lines", "list", "--company", "9"), "There is no company 9."),
        (("users", "list", "--company", "9"), "There is no company 9."),
        (("audit", "--company", "9"), "There is no company 9."),
        (
            ("lines", "set-rate", "5", "--company", "2", "--line", "10"),
            "Company 2 has no line 10; `chatia lines list` shows all.",
        ),
        (
            ("lines", "set-status", "CONNECTED", "--company", "1", "--line", "11"),
            "Company 1 has no line 11; `chatia lines list` shows all.",
        ),
        (
            ("users", "disable", "rui@example.com"),
            "There is no user rui@example.com; `chatia users list` shows all.",
        ),
        (
            ("users", "set-password", "99", "--generate"),
            "There is no user 99; `chatia users list` shows all.",
        ),
        (
            NEW_COMPANY,
            "Name a plan with --plan; there are: Plano 1, Livre.",
        ),
        (
            (
                "companies",
                "create",
                "Nova",
                "--email",
                "n@example.com",
                "--plan",
                "Ouro",
                "--generate",
            ),
            "There is no plan Ouro; there are: Plano 1, Livre.",
        ),
    ],
)
def test_what_does_not_exist_is_an_error_of_usage(
    run: Run, words: tuple[str, ...], complaint: str
) -> None:
    error = fail(run(*words), InvalidUsageError)
    assert error == complaint
