from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from shared.gateways.reading import cleaned, moment, text

WRITTEN = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1790000000,
        1790000000.0,
        "1790000000",
        "1790000000.25",
        1790000000000,
        "1790000000000",
        1790000000000000,
        {"low": 1790000000, "high": 0, "unsigned": True},
        {"low": -1001362432, "high": 416, "unsigned": False},
    ],
)
def test_a_time_is_read_in_every_unit_and_form(value: JsonValue) -> None:
    assert moment(value) == WRITTEN


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -5,
        "",
        "yesterday",
        "2026-09-21",
        [],
        {},
        {"low": "1"},
        float("nan"),
        float("inf"),
        10**30,
        pytest.param(10**5000, id="longer than Python will write"),
    ],
)
def test_what_is_no_time_is_not_made_one(value: JsonValue) -> None:
    assert moment(value) is None


def test_text_that_cannot_be_stored_is_mended() -> None:
    assert cleaned("a\x00b\ud800c") == "ab?c"


def test_text_is_the_first_member_that_says_something() -> None:
    assert text({"a": None, "b": 3, "c": " ", "d": "x"}, "a", "b", "c", "d") == "x"
    assert text({}, "a") == ""
