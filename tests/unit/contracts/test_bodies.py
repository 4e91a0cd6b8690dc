"""The members of a body, and the attributes of a structured CloudEvent."""

import pytest
from pydantic import JsonValue

from shared.contracts.bodies import read_body


@pytest.mark.parametrize(
    ("body", "members", "attributes"),
    [
        (b'{"a": 1, "data": {}}', {"a": 1, "data": {}}, {}),
        (b'{"specversion": "1.0", "data": {"a": 1}}', {"a": 1}, {"specversion": "1.0"}),
        (b'{"specversion": "1.0"}', None, {"specversion": "1.0"}),
        (rb'{"a": "\ud83d"}', {"a": "?"}, {}),
        (b"[1]", [1], {}),
    ],
)
def test_a_structured_cloudevent_has_its_members_in_data(
    body: bytes, members: JsonValue, attributes: dict[str, JsonValue]
) -> None:
    assert read_body(body) == (members, attributes)


def test_who_knows_the_mode_of_an_event_decides() -> None:
    assert read_body(b'{"type": "x", "data": {"a": 1}}', is_structured=True)[0] == {"a": 1}
    flat = {"specversion": "1.0", "a": 1}
    assert read_body(b'{"specversion": "1.0", "a": 1}', is_structured=False) == (flat, {})


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="EOF"):
        read_body(b"{")
