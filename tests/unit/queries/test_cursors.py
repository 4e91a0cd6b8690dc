"""Cursors come back as they were given, and anything else is refused."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.queries.cursors import (
    InvalidCursorError,
    NamePlace,
    TimePlace,
    decode_id,
    decode_name,
    decode_time,
    encode_id,
    encode_name,
    encode_time,
)

IDS = st.integers(0, 2**31 - 1)
TIMES = st.datetimes(timezones=st.just(UTC))
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=255)


@given(TIMES, IDS)
def test_a_time_and_an_id_come_back(at: datetime, number: int) -> None:
    place = TimePlace(at, number)
    assert decode_time("tickets", encode_time("tickets", place)) == place


@given(NAMES, IDS)
def test_a_name_and_an_id_come_back(name: str, number: int) -> None:
    place = NamePlace(name, number)
    assert decode_name("contacts", encode_name("contacts", place)) == place


@given(IDS)
def test_an_id_comes_back(number: int) -> None:
    assert decode_id("contacts", encode_id("contacts", number)) == number


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    for decode in (decode_time, decode_name, decode_id):
        with pytest.raises(InvalidCursorError):
            decode("tickets", text)


@pytest.mark.parametrize(
    "parts",
    [
        ["messages", 0, 1],
        ["tickets", 0],
        ["tickets", 0, 1, 2],
        ["tickets", "0", 1],
        ["tickets", True, 1],
        ["tickets", 0.5, 1],
        ["tickets", 10**30, 1],
        ["tickets", 0, 2**31],
        ["tickets", 0, -1],
        ["tickets", 0, None],
        {"tickets": 0},
        "tickets",
        None,
    ],
)
def test_a_made_up_cursor_is_refused(parts: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
    with pytest.raises(InvalidCursorError):
        decode_time("tickets", cursor)


@pytest.mark.parametrize("name", ["a\0", "\ud800", "a" * 256, 5, None])
def test_a_name_that_no_contact_can_have_is_refused(name: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(["contacts", name, 1]).encode()).decode()
    with pytest.raises(InvalidCursorError):
        decode_name("contacts", cursor)
