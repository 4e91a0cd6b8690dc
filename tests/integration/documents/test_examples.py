"""The blocks of the documents run as printed, in order, in a terminal beside running workers.

The terminal knows the servers as after `chatia up`. A new block, or a new document, is run without
a change here; blocks with the tag `text` are only shown.
"""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.db.roles import READER
from shared.embedded.runtime import RUNTIME_FILE
from shared.seeds import insert_seeds
from tests.support.build import received
from tests.support.deployment import Deployment, Record, deployment
from tests.support.documents import Block, Kind, build_pattern, read_blocks
from tests.support.role_rows import login_of
from tests.support.servers import ROLE_PASSWORD, TestServers, cloned
from tests.support.sources import ROOT
from tests.support.terminal import PATIENCE_S, Terminal, open_terminal

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]  # it runs many commands
on_the_loop = pytest.mark.asyncio(loop_scope="module")

FIRST = ("events", "gateways", "sending", "contacts", "tickets", "tables", "dead-letters")
NOT_RUN = {"faults.md": "its commands break deployments for many minutes"}
PORT = re.compile(r"localhost:([0-9]+)")
STATUS = re.compile(r"^HTTP/[0-9.]+ ([0-9]{3})", re.MULTILINE)
POLL_S = 0.1
BROKEN = (12, 13)  # ids of the dead letters that the documents name
CUT_OFF = 14  # the one that first-day.md makes

# Commands that are only shown, by document and beginning, each with the reason.
ONLY_SHOWN = {
    (
        "conformance.md",
        "export CHATIA_CONFORMANCE_TOKEN",
    ): "it posts hostile payloads and sends real messages",
    ("database.md", "chatia db upgrade"): "it needs a new database, and fills it for minutes",
    ("database.md", 'echo \'{"messageRetentionDays"'): "old messages of other examples are refused",
    ("database.md", "$ chatia db doctor"): "it shows a broken database",
    ("database.md", "chatia db cancel"): "it ends a session",
    ("database.md", "chatia db recover --finish"): "it needs all workers stopped",
    ("database.md", "export CHATIA_BACKUPS=/backups"): "it needs the folders of the server",
    ("database.md", "chatia db recover --to"): "it needs a base backup and its archive of WAL",
    ("database.md", "$ chatia db purge"): "it deletes old rows",
    ("database.md", "chatia db unarchive"): "it needs an archive",
    ("queries.md", "python -m tests.benchmarks.queries"): "it needs databases filled for minutes",
    ("dead-letters.md", "chatia skip"): "it names a record that blocks a partition",
    ("events.md", 'echo \'{"key": "loja-centro"'): "it publishes on a topic of Evolution API",
    ("operating.md", "$ curl localhost:8080/ready"): "it shows an outage",
    (
        "operating.md",
        "$ echo '{\"id\": 12}' | chatia record delete Companies",
    ): "it deletes a company",
    ("upgrading.md", "$ chatia db upgrade --check"): "it shows tables with many rows",
    ("first-day.md", "export CHATIA_SENDER"): "it installs the product and starts servers",
    ("operating.md", "chatia db upgrade"): "it is for servers and passwords of your own",
}
COMMAND = re.compile(r"\$ |(?:chatia|curl|echo|export|psql|make|python3?)\b")

# The rows that the examples of a document name, beside those that documents insert themselves.
NAMED: dict[str, str] = {
    "contacts.md": """
        INSERT INTO "Contacts" (id, "companyId", name, number)
          VALUES (100, 1, 'Rui', '5511900000100');
        INSERT INTO "Tags" (id, "companyId", name) VALUES (1, 1, 'VIP'), (2, 1, 'Atacado');
    """,
    "tickets.md": """
        INSERT INTO "Users" (id, "companyId", name, email, "passwordHash")
          VALUES (5, 1, 'Ana', 'ana@example.com', '');
        INSERT INTO "Tickets" (id, "companyId", "whatsappId", "contactId", status)
          VALUES (12, 1, 10, 100, 'pending');
    """,
    "dead-letters.md": """
        ALTER TABLE "DeadLetters" ALTER id RESTART WITH 12;
        INSERT INTO "Quarantines" (service, line, reason, detail)
          VALUES ('messages', '1:10', 'unreadable-body', 'made up for a test');
    """,
}


def list_documents() -> list[Path]:
    """Return the documents in the order in which a reader needs them."""
    paths = {path.stem: path for path in sorted((ROOT / "docs").glob("*.md"))}
    ordered = [name for name in FIRST if name in paths]
    ordered += [name for name in paths if name not in FIRST]
    return [paths[name] for name in ordered if paths[name].name not in NOT_RUN]


DOCUMENTS = {path.name: read_blocks(path) for path in list_documents()}
BLOCKS = [block for blocks in DOCUMENTS.values() for block in blocks]
CONNECTING = next(block for block in BLOCKS if "chatia env" in block.text)


@dataclass(frozen=True, slots=True)
class Played:
    """What the blocks printed, and the deployment that they ran beside."""

    printed: dict[Block, str]
    flow: Deployment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(
    servers: TestServers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Played]:
    """Run all blocks once."""
    folder = tmp_path_factory.mktemp("documents")
    async with cloned(servers.database_url, migrated_template) as url:
        await _insert_seeds(url)
        async with deployment(servers.kafka_bootstrap, url) as flow:
            await _connect(folder, flow, url)
            variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
            async with open_terminal(folder, variables) as terminal:
                yield Played(await _run_documents(terminal, flow), flow)


async def _insert_seeds(url: str) -> None:
    engine = create_async_engine(url.replace("://", "+asyncpg://", 1), poolclass=NullPool)
    async with engine.begin() as conn:
        await insert_seeds(conn, password="made up for a test")  # noqa: S106
    await engine.dispose()


async def _connect(folder: Path, flow: Deployment, url: str) -> None:
    """Lay out the folder as the repository is after `chatia up`."""
    conn = await asyncpg.connect(url)
    reader, tickets = await login_of(conn, READER), await login_of(conn, "tickets")
    await conn.close()
    own = flow.settings.database.with_login(tickets, ROLE_PASSWORD)
    content = {
        "pid": os.getpid(),
        "KAFKA_BOOTSTRAP_SERVERS": flow.settings.kafka.bootstrap_servers,
        "DATABASE_URL": url,
        "DB_READER_USER": reader,
        "DB_READER_PASS": ROLE_PASSWORD,
        "CHATIA_NAMESPACE": flow.settings.namespace,
        "CHATIA_EVOLUTION_PREFIX": flow.settings.evolution_prefix,
        "logins": {"tickets": own.url.replace("+asyncpg", "", 1)},
    }
    (folder / ".chatia").mkdir()
    (folder / ".chatia" / RUNTIME_FILE).write_text(json.dumps(content), "utf-8")
    (folder / ".venv").symlink_to(sys.prefix)


async def _run_documents(terminal: Terminal, flow: Deployment) -> dict[Block, str]:
    await _wait_for_ports({port for block in BLOCKS for port in _find_ports(block)}, open_=False)
    await terminal.run(CONNECTING.text)
    printed: dict[Block, str] = {}
    for document, blocks in DOCUMENTS.items():
        await _prepare(document, flow)
        for block in blocks:
            printed[block] = await _run(block, terminal, flow)
        if any(block.kind is Kind.SHELL for block in blocks):
            await flow.settled()
    return printed


async def _prepare(document: str, flow: Deployment) -> None:
    if document in NAMED:
        await _execute(NAMED[document], flow)
    if document == "dead-letters.md":
        lost = flow.record(received("LOST", whatsapp_id=99))
        broken = Record(flow.topic("message.received"), "1:10:1", b"{")
        for record in (lost, broken):  # their ids are in the document
            await flow.publish(record)
            await flow.settled()


async def _run(block: Block, terminal: Terminal, flow: Deployment) -> str:
    match block.kind:
        case Kind.SHELL:
            await _wait_for_ports(_find_ports(block), open_=True)
            return await terminal.run(block.text)
        case Kind.SQL:
            await _execute(block.text, flow)
        case Kind.JSON:
            json.loads(block.text)
        case Kind.SHOWN:
            pass
    return ""


async def _execute(statements: str, flow: Deployment) -> None:
    url = flow.settings.database.url_override
    assert url
    conn = await asyncpg.connect(url.get_secret_value())
    try:
        await conn.execute(statements)
    finally:
        await conn.close()


def _find_ports(block: Block) -> set[int]:
    is_run = block.kind is Kind.SHELL
    return {int(port) for port in PORT.findall(block.text)} if is_run else set()


async def _wait_for_ports(ports: set[int], *, open_: bool) -> None:
    """Wait until all of the ports are open, or until all are free."""
    async with asyncio.timeout(PATIENCE_S):
        while not all(_is_open(port) is open_ for port in ports):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(POLL_S)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _find_missing(block: Block, printed: str, namespace: str) -> Sequence[str]:
    """List the lines that a block does not print, though its document says so."""
    lines = [line.strip() for line in printed.splitlines()]
    patterns = {
        line: build_pattern(line.replace("chatia.", f"{namespace}.")) for line in block.printed
    }
    return [
        f"{block}: {line}"
        for line, pattern in patterns.items()
        if not any(pattern.fullmatch(each) for each in lines)
    ]


def test_only_commands_with_a_reason_are_not_run() -> None:
    shown = {
        (block.document, block.text)
        for block in BLOCKS
        if block.kind is Kind.SHOWN and COMMAND.match(block.text)
    }
    known = {
        (document, text)
        for document, text in shown
        for name, beginning in ONLY_SHOWN
        if document == name and text.startswith(beginning)
    }
    assert shown == known
    assert len(shown) == len(ONLY_SHOWN)


@on_the_loop
async def test_the_examples_print_what_the_documents_say(played: Played) -> None:
    namespace = played.flow.settings.namespace
    found = [_find_missing(block, text, namespace) for block, text in played.printed.items()]
    assert [line for lines in found for line in lines] == []
    assert any(block.printed for block in played.printed)


@on_the_loop
async def test_every_posted_example_is_taken(played: Played) -> None:
    statuses = {str(block): STATUS.findall(text) for block, text in played.printed.items()}
    assert {status for found in statuses.values() for status in found} == {"200"}, statuses
    assert sum(map(len, statuses.values())) >= sum(block.text.count("curl -i") for block in BLOCKS)


@on_the_loop
async def test_no_example_becomes_a_dead_letter(played: Played) -> None:
    rows = await played.flow.sql('SELECT id, topic, reason, detail FROM "DeadLetters"')
    assert [row for row in rows if row["id"] not in (*BROKEN, CUT_OFF)] == []


@on_the_loop
async def test_no_example_is_refused(played: Played) -> None:
    topics = ("ticket.changed", "contact.changed", "message.stored", "record.changed")
    facts = [fact for topic in topics for fact in await played.flow.facts(topic)]
    assert [fact for fact in facts if ".refused." in fact["type"]] == []


ROWS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "a received message and its ack": (
        """SELECT body, ack, "whatsappId" FROM "Messages" WHERE wid = '3EB0A1B2C3D4E5F60718'""",
        [{"body": "Oi, meu pedido não chegou", "ack": 3, "whatsappId": 10}],
    ),
    "a message of each webhook": (
        """SELECT c.number, c.name, m.body FROM "Messages" m
           JOIN "Contacts" c ON c.id = m."contactId" AND c."companyId" = m."companyId"
           WHERE c.number = '5511990000001' ORDER BY m."createdAt" """,
        [{"number": "5511990000001", "name": "Ana", "body": "Oi"}] * 3,
    ),
    "a message to send": (
        """SELECT body, "fromMe", "whatsappId" FROM "Messages" WHERE body = 'Bom dia!'""",
        [{"body": "Bom dia!", "fromMe": True, "whatsappId": 10}],
    ),
    "the servers of five lines": (
        'SELECT gateway, "whatsappId" FROM "GatewayConnections" ORDER BY "whatsappId"',
        [
            {"gateway": gateway, "whatsappId": line}
            for gateway, line in (
                ("evolution", 10),
                ("waha", 11),
                ("cloud-api", 12),
                ("evolution", 31),
                ("evolution", 32),
            )
        ],
    ),
    "a contact with its tags": (
        """SELECT blocked, array_agg(t."tagId" ORDER BY t."tagId") AS tags FROM "Contacts" c
           JOIN "ContactTags" t ON t."contactId" = c.id AND t."companyId" = c."companyId"
           WHERE c.id = 100 GROUP BY c.id, c.blocked""",
        [{"blocked": True, "tags": [1, 2]}],
    ),
    "an accepted ticket": (
        'SELECT status, "userId" FROM "Tickets" WHERE id = 12',
        [{"status": "open", "userId": 5}],
    ),
    "a queue": (
        """SELECT name, color FROM "Queues" WHERE name = 'Vendas'""",
        [{"name": "Vendas", "color": "#0a7"}],
    ),
    "a replayed, a discarded and a new dead letter": (
        """SELECT id, status, history <> '[]' AS "isShown" FROM "DeadLetters" ORDER BY id""",
        [
            {"id": 12, "status": "resolved", "isShown": True},
            {"id": 13, "status": "discarded", "isShown": True},
            {"id": CUT_OFF, "status": "open", "isShown": False},
        ],
    ),
    "no quarantined line": ('SELECT line FROM "Quarantines"', []),
}


@on_the_loop
@pytest.mark.parametrize("name", ROWS)
async def test_the_examples_leave_their_rows(played: Played, name: str) -> None:
    query, expected = ROWS[name]
    assert await played.flow.sql(query) == expected
