"""Requests about contacts, and merges, on a real Postgres."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.domain.keys import ContactKey
from services.contacts.identifying.handler import identify_messages
from services.contacts.linking.handler import link_contacts
from services.contacts.requests import store
from services.contacts.requests.handler import apply_requests
from shared.contracts.base import Event
from shared.contracts.contact import ContactChanged, ContactLink, ContactRefused, ContactSaved
from shared.contracts.contact_request import ContactDelete, ContactRequest, ContactSave
from shared.contracts.outcome import Emit, Reject
from shared.db.bulk import ConcurrentUpdateError
from tests.laws.test_handlers import open_world
from tests.support.build import CUSTOMER, NOON, received
from tests.support.ticket_harness import SWITCHES

pytestmark = pytest.mark.integration

KEY = ContactKey(1, 100)


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction on the company of the tests of laws; it is rolled back."""
    async with open_world(world_url) as connection:
        yield connection


def of(contact_id: int = 100, request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "contact_id": contact_id, "request_id": request_id, **members}


Values = tuple[bool, str | None, str | None]  # isInAgenda, language, followUp


async def sql(conn: AsyncConnection, query: str, **values: object) -> list[dict[str, Any]]:
    found = await conn.execute(text(query), values)
    return [dict(row) for row in found.mappings()] if found.returns_rows else []


async def ask(conn: AsyncConnection, *batch: ContactRequest) -> list[Event]:
    outcome = await apply_requests(conn, batch)
    return [item.fact for item in outcome if isinstance(item, Emit)]


async def load_contact(conn: AsyncConnection, contact_id: int = 100) -> dict[str, Any]:
    (row,) = await sql(conn, 'SELECT * FROM "Contacts" WHERE id = :id', id=contact_id)
    return row


async def load_dependents(conn: AsyncConnection, contact_id: int = 100) -> tuple[list[Any], ...]:
    """Return a contact's tags, its users in their order, and its custom fields."""
    of_contact = 'WHERE "contactId" = :id ORDER BY'
    found = [
        await sql(conn, f"SELECT {query}", id=contact_id)
        for query in (
            f'"tagId" FROM "ContactTags" {of_contact} "tagId"',
            f'"walletId" FROM "ContactWallets" {of_contact} id',
            f'name, value FROM "ContactCustomFields" {of_contact} id',
        )
    ]
    return tuple([tuple(row.values()) for row in rows] for rows in found)


async def load_version(conn: AsyncConnection) -> int:
    query = (
        'SELECT CAST(extract(epoch FROM "updatedAt") * 1000000 AS bigint) AS version '
        'FROM "Contacts" WHERE id = 100'
    )
    return int((await sql(conn, query))[0]["version"])


FULL: dict[str, Any] = {
    "tag_ids": (1, 2), "wallet_ids": (6, 5), "custom_fields": {"CPF": "1", "Plano": "Ouro"},
}  # fmt: skip


async def test_a_contact_is_saved_with_its_tags_users_and_fields(conn: AsyncConnection) -> None:
    members: dict[str, Any] = {"name": "Bia", "email": "bia@example.com", "blocked": True}
    (fact,) = await ask(
        conn, ContactSave(**of(**members, **FULL, disable_bot=True, accept_audio_message=False))
    )
    row = await load_contact(conn)
    names = ("name", "email", "blocked", "disableBot", "acceptAudioMessage", "active")
    assert [row[name] for name in names] == ["Bia", "bia@example.com", True, True, False, True]
    assert await load_dependents(conn) == (
        [(1,), (2,)], [(6,), (5,)], [("CPF", "1"), ("Plano", "Ouro")],
    )  # fmt: skip
    assert isinstance(fact, ContactSaved)
    assert fact.version == await load_version(conn)


async def test_what_is_no_longer_named_is_deleted_for_this_contact_only(
    conn: AsyncConnection,
) -> None:
    await ask(conn, ContactSave(**of(**FULL)), ContactSave(**of(101, "r2", **FULL)))
    fields = await sql(conn, 'SELECT id FROM "ContactCustomFields" WHERE "contactId" = 100')
    less: dict[str, Any] = {"tag_ids": (2,), "wallet_ids": (5,), "custom_fields": {"CPF": "2"}}
    await ask(conn, ContactSave(**of(request_id="r3", **less)))
    assert await load_dependents(conn) == ([(2,)], [(5,)], [("CPF", "2")])
    kept = await sql(conn, 'SELECT id FROM "ContactCustomFields" WHERE "contactId" = 100')
    assert kept == fields[:1]
    assert [len(rows) for rows in await load_dependents(conn, 101)] == [2, 2, 2]


async def test_a_repeated_request_changes_no_row(conn: AsyncConnection) -> None:
    await ask(conn, ContactSave(**of(**FULL)))
    before = await load_version(conn)
    (fact,) = await ask(conn, ContactSave(**of(request_id="r2", **FULL)))
    assert isinstance(fact, ContactChanged)
    assert (fact.type, fact.version, await load_version(conn)) == (
        "contact.unchanged",
        before,
        before,
    )


async def test_a_deleted_contact_keeps_everything_and_a_message_reactivates_it(
    conn: AsyncConnection,
) -> None:
    await ask(conn, ContactSave(**of(**FULL)))
    (fact,) = await ask(conn, ContactDelete(**of(request_id="r2")))
    assert (fact.type, (await load_contact(conn))["active"]) == ("contact.deleted", False)
    assert [len(rows) for rows in await load_dependents(conn)] == [2, 2, 2]
    chat = (await load_contact(conn))["number"]
    message = received("A1", chat=chat, jid=f"{chat}@s.whatsapp.net", company_id=1)
    outcome = await identify_messages(conn, [message])
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    assert [fact.active for fact in facts if isinstance(fact, ContactSaved)] == [True]


async def test_tags_users_and_contacts_of_another_company_do_not_exist(
    conn: AsyncConnection,
) -> None:
    await sql(conn, "INSERT INTO \"Companies\" (id, name) VALUES (2, 'Outra')")
    await sql(conn, 'INSERT INTO "Tags" (id, "companyId", name) VALUES (9, 2, \'VIP\')')
    await sql(
        conn,
        'INSERT INTO "Users" (id, "companyId", name, email, "passwordHash") '
        "VALUES (9, 2, 'Eva', 'eva@example.com', '')",
    )
    facts = await ask(
        conn,
        ContactSave(**of(tag_ids=(1, 9))),
        ContactSave(**of(request_id="r2", wallet_ids=(9,))),
        ContactDelete(**of(request_id="r3") | {"company_id": 2}),
    )
    assert [fact.reason for fact in facts if isinstance(fact, ContactRefused)] == [
        "no such tag",
        "no such user",
        "no such contact",
    ]


async def test_the_canonical_contact_is_saved_in_place_of_a_merged_one(
    conn: AsyncConnection,
) -> None:
    await sql(conn, 'UPDATE "Contacts" SET "mergedIntoContactId" = 101 WHERE id = 100')
    (fact,) = await ask(conn, ContactSave(**of(blocked=True)))
    assert isinstance(fact, ContactSaved)
    assert (fact.contact_id, (await load_contact(conn, 101))["blocked"]) == (101, True)


async def test_a_contact_changed_meanwhile_is_loaded_again(
    conn: AsyncConnection,
) -> None:
    plan = await store.load_plan(conn, [ContactSave(**of(name="Cida"))])
    await ask(conn, ContactSave(**of(request_id="r2", name="Bia")))
    plan.profiles[KEY] = replace(plan.profiles[KEY], name="Cida", updated_at=plan.now)
    with pytest.raises(ConcurrentUpdateError):
        await store.save_plan(conn, plan)


async def test_tags_users_and_fields_of_a_merged_contact_move_to_the_canonical_one(
    conn: AsyncConnection,
) -> None:
    await sql(
        conn,
        'INSERT INTO "Contacts" (id, "companyId", name, lid) '
        "VALUES (300, 1, '9@lid', '9@lid'), (301, 1, 'Outro', '8@lid')",
    )
    own = {"tag_ids": (2,), "wallet_ids": (6,), "custom_fields": {"CPF": "1"}}
    lost = {"wallet_ids": (5, 6), "custom_fields": {"CPF": "9", "Plano": "Ouro"}}
    await ask(
        conn,
        ContactSave.model_validate(of() | own),
        ContactSave.model_validate(of(300, "r2", tag_ids=(1, 2)) | lost),
        ContactSave(**of(301, "r3", **FULL)),
    )
    number = (await load_contact(conn))["number"]
    link = ContactLink(company_id=1, request_id="r4", number=number, lid="9@lid")
    await link_contacts(conn, [link])
    assert await load_dependents(conn) == (
        [(1,), (2,)],
        [(6,), (5,)],
        [("CPF", "1"), ("Plano", "Ouro")],
    )
    assert await load_dependents(conn, 300) == ([], [], [])
    assert [len(rows) for rows in await load_dependents(conn, 301)] == [2, 2, 2]


async def merge_into_the_customer(conn: AsyncConnection, lid: str = "9@lid") -> None:
    number = (await load_contact(conn))["number"]
    await link_contacts(conn, [ContactLink(company_id=1, request_id="r4", number=number, lid=lid)])


async def test_products_of_a_merged_contact_move_to_the_canonical_one(
    conn: AsyncConnection,
) -> None:
    await sql(
        conn,
        'INSERT INTO "Contacts" (id, "companyId", name, lid) '
        "VALUES (300, 1, '9@lid', '9@lid'), (301, 1, 'Outro', '8@lid')",
    )
    await sql(
        conn,
        'INSERT INTO "ContactProducts" ("companyId", "contactId", name, status) VALUES '
        "(1, 100, 'Bolo', 'sold'), (1, 300, 'Torta', 'pending'), (1, 301, 'Pão', 'pending')",
    )
    await merge_into_the_customer(conn)
    products = await sql(
        conn, 'SELECT "contactId", name, status FROM "ContactProducts" ORDER BY id'
    )
    assert [tuple(row.values()) for row in products] == [
        (100, "Bolo", "sold"),
        (100, "Torta", "pending"),
        (301, "Pão", "pending"),
    ]


@pytest.mark.parametrize(
    ("own", "merged", "left"),
    [
        ((False, None, None), (True, "pt", "ligar"), (True, "pt", "ligar")),
        ((True, "en", "enviar"), (False, "pt", "ligar"), (True, "en", "enviar")),
        ((False, "en", None), (False, None, None), (False, "en", None)),
    ],
)
async def test_a_merge_loses_neither_agenda_nor_language_nor_follow_up(
    conn: AsyncConnection, own: Values, merged: Values, left: Values
) -> None:
    await sql(
        conn,
        "INSERT INTO \"Contacts\" (id, \"companyId\", name, lid) VALUES (300, 1, 'x', '9@lid')",
    )
    for contact_id, values in ((100, own), (300, merged)):
        given = dict(zip(("agenda", "language", "follow_up"), values, strict=True))
        await sql(
            conn,
            'UPDATE "Contacts" SET "isInAgenda" = :agenda, language = :language, '
            '"followUp" = :follow_up WHERE id = :id',
            id=contact_id,
            **given,
        )
    await merge_into_the_customer(conn)
    row = await load_contact(conn)
    assert (row["isInAgenda"], row["language"], row["followUp"]) == left


async def test_a_contact_that_a_message_creates_is_not_in_the_agenda(
    conn: AsyncConnection,
) -> None:
    outcome = await identify_messages(conn, [received("A1")])
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    (saved,) = [fact for fact in facts if isinstance(fact, ContactSaved)]
    row = await load_contact(conn, saved.contact_id)
    assert (row["source"], row["isInAgenda"]) == ("auto_created", False)
    known = await load_contact(conn)
    assert (known["source"], known["isInAgenda"]) == ("manual", True)


async def test_a_message_past_the_retention_of_its_company_is_rejected(
    conn: AsyncConnection,
) -> None:
    await save_settings(conn, messageRetentionDays=365)
    old, young = (
        received(wid, chat=chat, jid=None, received_at=NOON + timedelta(days=days))
        for wid, chat, days in (("A1", "5511900000777", 366), ("A2", "5511900000778", 364))
    )
    outcome = await identify_messages(conn, [old, young])
    assert [item.reason for item in outcome if isinstance(item, Reject)] == ["too-old"]
    found = await sql(conn, "SELECT number FROM \"Contacts\" WHERE number LIKE '551190000077_'")
    assert [row["number"] for row in found] == ["5511900000778"]


async def test_a_request_loaded_before_a_merge_is_loaded_again(conn: AsyncConnection) -> None:
    await sql(
        conn,
        "INSERT INTO \"Contacts\" (id, \"companyId\", name, lid) VALUES (300, 1, 'x', '9@lid')",
    )
    await sql(conn, "UPDATE \"Contacts\" SET lid = '8@lid' WHERE id = 100")
    await ask(conn, ContactSave(**of(300, tag_ids=(1,))))
    plan = await store.load_plan(conn, [ContactSave(**of(tag_ids=(2,)))])
    number = (await load_contact(conn))["number"]
    link = ContactLink(company_id=1, request_id="r4", number=number, lid="9@lid")
    await link_contacts(conn, [link])
    plan.profiles[KEY] = replace(plan.profiles[KEY], tag_ids=(2,), updated_at=plan.now)
    with pytest.raises(ConcurrentUpdateError):
        await store.save_plan(conn, plan)
    assert await load_dependents(conn) == ([(1,)], [], [])


async def test_a_new_contact_gets_the_lid_of_a_contact_merged_into_it_at_once(
    conn: AsyncConnection,
) -> None:
    await sql(
        conn,
        "INSERT INTO \"Contacts\" (id, \"companyId\", name, lid) VALUES (300, 1, 'x', '9@lid')",
    )
    outcome = await identify_messages(conn, [received("A1"), received("A2", lid="9@lid")])
    saved = [i.fact for i in outcome if isinstance(i, Emit) and isinstance(i.fact, ContactSaved)]
    row = await load_contact(conn, saved[0].contact_id)
    assert (row["number"], row["lid"], saved[0].lid) == (CUSTOMER, "9@lid", "9@lid")
    lost = await load_contact(conn, 300)
    assert (lost["mergedIntoContactId"], lost["lid"]) == (row["id"], None)


async def save_settings(conn: AsyncConnection, **given: object) -> None:
    """Insert the settings of company 1: all switches are off besides those that are given."""
    row = dict.fromkeys(SWITCHES, "disabled") | given
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(f":{name}" for name in row)
    query = f'INSERT INTO "CompaniesSettings" ("companyId", {names}) VALUES (1, {values})'  # noqa: S608 - the test's own
    await sql(conn, query, **row)


@pytest.mark.parametrize(("setting", "accepts"), [("enabled", True), ("disabled", False)])
async def test_a_new_contact_may_send_voice_messages_as_its_company_decides(
    conn: AsyncConnection, setting: str, accepts: bool
) -> None:
    await save_settings(conn, acceptAudioMessageContact=setting)
    outcome = await identify_messages(conn, [received("A1")])
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    assert [fact.accept_audio_message for fact in facts if isinstance(fact, ContactSaved)] == [
        accepts
    ]
