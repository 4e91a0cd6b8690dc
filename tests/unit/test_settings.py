"""The same database under another login, however address and password are written."""

import pytest
from sqlalchemy import make_url

from shared.settings import DatabaseSettings

ADDRESSES = {
    "an address": {"DATABASE_URL": "postgresql://owner:a%40b@db:5433/chat%20ia?ssl=require"},
    "its parts": {
        "DB_HOST": "db",
        "DB_PORT": 5433,
        "DB_NAME": "chat%20ia",
        "DB_USER": "owner",
        "DB_PASS": "a@b",
    },
}


@pytest.mark.parametrize("given", ADDRESSES.values(), ids=ADDRESSES)
def test_only_the_login_changes(given: dict[str, object]) -> None:
    database = DatabaseSettings.model_validate(given)
    url, before = make_url(database.logged_in_as("tickets", "p@:/%?#").url), make_url(database.url)
    assert (url.username, url.password) == ("tickets", "p@:/%?#")
    assert (url.host, url.port, url.database, url.query) == (
        before.host,
        before.port,
        before.database,
        before.query,
    )


def test_a_login_without_a_password_is_told_without_one() -> None:
    database = DatabaseSettings.model_validate({"DATABASE_URL": "postgresql://db/chatia"})
    assert database.logged_in_as("tickets", "").url == "postgresql+asyncpg://tickets@db/chatia"


def test_there_is_no_reader_where_none_is_named() -> None:
    assert DatabaseSettings.model_validate({}).for_readers is None


def test_readers_reach_the_same_database() -> None:
    database = DatabaseSettings.model_validate(
        {
            "DATABASE_URL": "postgresql://owner:x@db/chatia",
            "DB_READER_USER": "chatia_reader",
            "DB_READER_PASS": "y",
        }
    )
    assert database.for_readers is not None
    assert database.for_readers.url == "postgresql+asyncpg://chatia_reader:y@db/chatia"
