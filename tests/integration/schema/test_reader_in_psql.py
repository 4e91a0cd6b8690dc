"""The command of docs/operating.md with which a reader sees the rows of one company in psql."""

import asyncio
import os
import shutil

import asyncpg
import pytest

from shared.db.roles import READER
from tests.support.documents import read_blocks
from tests.support.role_rows import login_of
from tests.support.servers import ROLE_PASSWORD
from tests.support.sources import ROOT

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not on this machine"),
]

ROWS = """
INSERT INTO "Companies" (id, name) VALUES (1, 'A'), (2, 'B');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (10, 1, 'A'), (20, 2, 'B');
INSERT INTO "Contacts" (id, "companyId", name, number)
VALUES (1, 1, 'Ana', '1'), (2, 2, 'Rui', '2');
INSERT INTO "Tickets" (id, "companyId", "whatsappId", "contactId", status, "lastMessage")
VALUES (1, 1, 10, 1, 'open', 'nosso'), (2, 2, 20, 2, 'open', 'alheio');
"""


async def test_the_printed_command_shows_the_rows_of_the_company_alone(migrated_url: str) -> None:
    conn = await asyncpg.connect(migrated_url)
    try:
        await conn.execute(ROWS)
        reader = await login_of(conn, READER)
    finally:
        await conn.close()
    (command,) = [
        block.text
        for block in read_blocks(ROOT / "docs" / "operating.md")
        if "$DB_READER_USER" in block.text
    ]
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", command),
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": migrated_url,
            "DB_READER_USER": reader,
            "DB_READER_PASS": ROLE_PASSWORD,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed
    assert b"nosso" in printed
    assert b"alheio" not in printed
