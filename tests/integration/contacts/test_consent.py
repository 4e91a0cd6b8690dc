"""Consents are saved once, for canonical contacts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from services.contacts.consent.handler import save_consents
from services.contacts.linking.handler import link_contacts
from shared.contracts.contact import ContactConsent, ContactLink, ContactSaved
from shared.contracts.outcome import Emit
from shared.settings import DatabaseSettings
from tests.laws.test_handlers import open_world
from tests.support.build import at

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction on a company with contacts; it is rolled back."""
    async with open_world(world_url) as connection:
        yield connection


async def consent(conn: AsyncConnection, contact_id: int, minutes: float) -> list[int]:
    """Save a consent; return the contacts that changed."""
    request = ContactConsent(
        company_id=1, request_id=f"c{minutes}", contact_id=contact_id, consented_at=at(minutes)
    )
    outcome = await save_consents(conn, [request])
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    return [fact.contact_id for fact in facts if isinstance(fact, ContactSaved)]


async def load_consent(conn: AsyncConnection, contact_id: int) -> datetime | None:
    query = text('SELECT "lgpdAcceptedAt" FROM "Contacts" WHERE id = :id')
    at: datetime | None = (await conn.execute(query, {"id": contact_id})).scalar_one()
    return at


async def test_a_consent_is_kept_and_a_later_one_changes_nothing(conn: AsyncConnection) -> None:
    assert await consent(conn, 101, 1) == [101]
    assert await consent(conn, 101, 2) == []
    assert await load_consent(conn, 101) == at(1)


async def test_the_consent_of_a_merged_contact_is_saved_for_its_canonical_contact(
    conn: AsyncConnection,
) -> None:
    await conn.execute(text('UPDATE "Contacts" SET "mergedIntoContactId" = 100 WHERE id = 101'))
    assert await consent(conn, 101, 1) == [100]
    assert (await load_consent(conn, 100), await load_consent(conn, 101)) == (at(1), None)


@pytest.mark.parametrize(("minutes", "earlier"), [(None, 2), (1, 1), (3, 2)])
async def test_the_earlier_consent_of_two_merged_contacts_counts(
    conn: AsyncConnection, minutes: float | None, earlier: float
) -> None:
    query = "INSERT INTO \"Contacts\" (id, \"companyId\", name, lid) VALUES (300, 1, 'x', '9@lid')"
    await conn.execute(text(query))
    await consent(conn, 300, 2)
    if minutes is not None:
        await consent(conn, 100, minutes)
    number = (await conn.execute(text('SELECT number FROM "Contacts" WHERE id = 100'))).scalar_one()
    link = ContactLink(company_id=1, request_id="r1", number=number, lid="9@lid")
    await link_contacts(conn, [link])
    assert await load_consent(conn, 100) == at(earlier)


async def test_a_consent_during_a_merge_is_saved_for_the_canonical_contact(
    migrated_url: str,
) -> None:
    address = DatabaseSettings.model_validate({"DATABASE_URL": migrated_url}).url
    engine = create_async_engine(address, poolclass=NullPool)
    async with engine.begin() as conn:
        for statement in (
            "INSERT INTO \"Companies\" (id, name) VALUES (1, 'Empresa')",
            'INSERT INTO "Contacts" (id, "companyId", name) VALUES (100, 1, \'a\')',
            'INSERT INTO "Contacts" (id, "companyId", name) VALUES (101, 1, \'b\')',
        ):
            await conn.execute(text(statement))
    async with engine.connect() as merging, engine.connect() as consenting:
        merge = 'UPDATE "Contacts" SET "mergedIntoContactId" = 100 WHERE id = 101'
        await merging.execute(text(merge))
        waits = asyncio.create_task(consent(consenting, 101, 1))
        await asyncio.sleep(0.2)
        await merging.commit()
        assert await waits == [100]
        assert (await load_consent(consenting, 100), await load_consent(consenting, 101)) == (
            at(1),
            None,
        )
    await engine.dispose()


async def test_a_consent_of_an_unknown_contact_changes_nothing(conn: AsyncConnection) -> None:
    assert await consent(conn, 9999, 1) == []
