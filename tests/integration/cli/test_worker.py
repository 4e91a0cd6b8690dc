"""`chatia worker` where it cannot work: one sentence instead of a traceback."""

import pytest

from tests.support.chatia import chatia
from tests.support.servers import database_named

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (None, "The database has no tables of ChatIA Flow: run `chatia db upgrade`."),
        ("nowhere", 'The database cannot be used: database "nowhere" does not exist.'),
    ],
)
def test_a_database_that_waiting_will_not_mend_is_said_at_once(
    database_url: str, name: str | None, sentence: str
) -> None:
    url = database_named(database_url, name) if name else database_url
    ended = chatia("worker", "contacts", environment={"DATABASE_URL": url})
    assert (ended.code, ended.complaint.splitlines()[-1]) == (3, sentence)
