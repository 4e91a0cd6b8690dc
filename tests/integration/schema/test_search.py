"""Full text search finds messages of the company that a reader has set, and no others."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from shared.db.roles import READER
from tests.support import minimal
from tests.support.role_rows import login_of

pytestmark = pytest.mark.integration

OURS = 1
THEIRS = 2
BODIES = {
    OURS: ("Bom dia, o bolo de 100% cacau", "Bolo sem cacau", r"um_dois\tres", "tchau"),
    THEIRS: ("Bolo de cacau dos outros",),
}
# As people write, and as others search for it.
AS_TYPED = {
    "NÃO CHEGOU o pedido": ("nao chegou", "não chegou", "NAO CHEGOU", "na\u0303o PEDIDO"),
    "nao chegou nada": ("NÃO NADA", "não"),
    "Ac\u0327a\u0303o decomposta": ("ação", "acao", "AÇÃO"),
    "Coração à moda do café": ("coracao", "a moda do cafe", "CAFÉ", "CORAÇÃO"),
    "\uff26\uff55\uff4c\uff4c width": ("full", "FULL"),
    "İstanbul": ("istanbul", "ISTANBUL"),
    "Ёлка": ("елка", "ёлка", "ЁЛКА"),
    "5 % de ﬁdelidade": ("fidelidade", "%", "5"),
}
MANY = """
INSERT INTO "Messages" ("companyId", "ticketId", "whatsappId", body, wid)
SELECT "companyId", "ticketId", "whatsappId",
       CASE WHEN n % 5000 = 0 THEN 'NÃO CHEGOU ' ELSE 'Tudo certo com o pedido ' END || n,
       'many' || n
FROM "Messages" CROSS JOIN generate_series(1, :count) AS n WHERE wid = 'one'
"""
# Of this transaction.
SCANS = """SELECT pg_stat_get_xact_numscans('"ix_Messages_search"'::regclass)"""


@pytest_asyncio.fixture
async def reader(shared_migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as a reader to messages of two companies; everything is rolled back."""
    conn = await asyncpg.connect(shared_migrated_url)
    transaction = conn.transaction()
    await transaction.start()
    rows = await minimal.rows(shared_migrated_url, conn)
    for company, bodies in BODIES.items():
        named = 'INSERT INTO "Companies" (id, name) VALUES ($1, $2)'
        await conn.execute(named, company, f"of {company}")
        for body in bodies:
            await rows.insert("Messages", company, {"body": body})
    await conn.execute(f'SET LOCAL ROLE "{await login_of(conn, READER)}"')
    yield conn
    await transaction.rollback()
    await conn.close()


@pytest_asyncio.fixture
async def owner(shared_migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as the owner of the tables; everything is rolled back."""
    conn = await asyncpg.connect(shared_migrated_url)
    transaction = conn.transaction()
    await transaction.start()
    yield conn
    await transaction.rollback()
    await conn.close()


async def found(reader: asyncpg.Connection, words: str, most: int = 10) -> set[str]:
    rows = await reader.fetch(
        'SELECT m.body FROM search_messages($1, $2) AS s JOIN "Messages" m ON m.id = s.id',
        words, most,
    )  # fmt: skip
    return {row["body"] for row in rows}


async def name(reader: asyncpg.Connection, company: int) -> None:
    await reader.execute("SELECT set_config('app.company_id', $1, true)", str(company))


async def test_without_a_company_nothing_is_found(reader: asyncpg.Connection) -> None:
    assert await reader.fetch("SELECT FROM search_messages('bolo', 10)") == []


async def test_a_companys_own_messages_are_found(reader: asyncpg.Connection) -> None:
    await name(reader, THEIRS)
    assert await found(reader, "bolo") == set(BODIES[THEIRS])


async def test_search_does_not_reveal_ids_of_other_companies(reader: asyncpg.Connection) -> None:
    await name(reader, THEIRS)
    assert len(await reader.fetch("SELECT FROM search_messages('o', 100)")) == len(BODIES[THEIRS])


@pytest.mark.parametrize(
    ("words", "bodies"),
    [
        ("cacau BOLO", BODIES[OURS][:2]),
        ("100%", BODIES[OURS][:1]),
        ("m_d", BODIES[OURS][2:3]),
        ("\\t", BODIES[OURS][2:3]),
        ("c_u", ()),
        (" ", ()),
        ("", ()),
    ],
)
async def test_results_contain_all_words(
    reader: asyncpg.Connection, words: str, bodies: tuple[str, ...]
) -> None:
    await name(reader, OURS)
    assert await found(reader, words) == set(bodies)


async def test_accents_and_case_make_no_difference(
    owner: asyncpg.Connection, shared_migrated_url: str
) -> None:
    rows = await minimal.rows(shared_migrated_url, owner)
    await owner.execute('INSERT INTO "Companies" (id, name) VALUES ($1, $2)', OURS, "ours")
    for body in AS_TYPED:
        await rows.insert("Messages", OURS, {"body": body})
    await name(owner, OURS)
    missed = [
        (words, body)
        for body, searches in AS_TYPED.items()
        for words in searches
        if body not in await found(owner, words)
    ]
    assert missed == []
    assert await found(owner, "nao pedido") == {"NÃO CHEGOU o pedido"}
    assert await found(owner, "\u0301") == set()


@pytest.mark.parametrize(
    ("words", "count", "scans"),
    [("nao chegou", 4, 1), ("chegou 15000", 1, 1), ("ão CHEGOU", 4, 1), ("zz", 0, 0)],
)
async def test_words_of_three_letters_are_looked_up_in_the_index(
    owner: asyncpg.Connection, shared_migrated_url: str, words: str, count: int, scans: int
) -> None:
    rows = await minimal.rows(shared_migrated_url, owner)
    await owner.execute('INSERT INTO "Companies" (id, name) VALUES ($1, $2)', OURS, "ours")
    await rows.insert("Messages", OURS, {"body": "Oi", "wid": "one"})
    await owner.execute(MANY.replace(":count", "20000"))
    await owner.execute("""SELECT gin_clean_pending_list('"ix_Messages_search"')""")
    await owner.execute('ANALYZE "Messages"')
    await name(owner, OURS)
    assert len(await owner.fetch("SELECT FROM search_messages($1, 100)", words)) == count
    assert min(await owner.fetchval(SCANS), 1) == scans


@pytest.mark.parametrize(("most", "count"), [(1, 1), (0, 0), (-1, 0)])
async def test_the_limit_is_respected(reader: asyncpg.Connection, most: int, count: int) -> None:
    await name(reader, OURS)
    assert len(await found(reader, "bolo", most)) == count


async def test_services_do_not_search(reader: asyncpg.Connection) -> None:
    await reader.execute("RESET ROLE")
    await reader.execute(f'SET LOCAL ROLE "{await login_of(reader, "tickets")}"')
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.fetch("SELECT FROM search_messages('bolo', 10)")
