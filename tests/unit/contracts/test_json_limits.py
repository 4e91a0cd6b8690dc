"""Limits of JSON bodies, checked before parsing."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.json_limits import (
    DEEPEST,
    LONGEST_MEMBER_NAME,
    MOST_MEMBERS,
    find_exceeded_limit,
)
from shared.delivery.kafka.outgoing import LARGEST_RECORD
from shared.delivery.kafka.too_large import MAX_HEADERS, MAX_RECORD_BYTES
from shared.gateways.normalize.outcome import MOST_PARTS
from tests.support.sources import ROOT

LARGE = 3_500_000  # bytes
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=80), inner, max_size=4)
    ),
)


def find_reason(body: bytes) -> str:
    limit = find_exceeded_limit(body)
    return limit.reason if limit else ""


@given(VALUES)
def test_ordinary_json_fits(value: object) -> None:
    assert find_exceeded_limit(json.dumps(value).encode()) is None


@pytest.mark.parametrize(("levels", "why"), [(DEEPEST, ""), (DEEPEST + 1, "too-deep")])
def test_depth_is_limited(levels: int, why: str) -> None:
    assert find_reason(b"[" * levels + b"]" * levels) == why
    assert find_reason(b'{"a":' * levels + b"1" + b"}" * levels) == why


@pytest.mark.parametrize("margin", [1, 5_000])
def test_white_space_before_a_body_does_not_bypass_limits(margin: int) -> None:
    assert find_reason(b" " * margin + b"[" * (DEEPEST + 1)) == "too-deep"


@pytest.mark.parametrize(("more", "why"), [(0, ""), (1, "too-many-members")])
def test_the_number_of_members_is_limited(more: int, why: str) -> None:
    elements = MOST_MEMBERS - 1 + more  # and the commas between them, and the array itself
    assert find_reason(b"[" + b",".join([b"1"] * (elements + 1)) + b"]") == why


@pytest.mark.parametrize(("more", "why"), [(0, ""), (1, "name-too-long")])
def test_the_length_of_names_is_limited(more: int, why: str) -> None:
    name = "n" * (LONGEST_MEMBER_NAME + more)
    assert find_reason(json.dumps({"a": {name: 1}}).encode()) == why
    assert find_reason(json.dumps({"a": {name: 1}}, separators=(" ,", "  :")).encode()) == why


def test_a_name_of_escaped_quotes_is_limited() -> None:
    assert find_reason(json.dumps({'"' * LONGEST_MEMBER_NAME: 1}).encode()) == "name-too-long"


@pytest.mark.parametrize("text", ["[{," * 200_000, '"' * 200_000, "\\" * 200_000, "n" * LARGE])
def test_a_text_may_hold_anything(text: str) -> None:
    assert find_exceeded_limit(json.dumps({"text": text}).encode()) is None


@pytest.mark.parametrize(
    "piece", [b'"', b"\\", b'\\"', b'"a" ', b"[", b"{}", b",", b'"a":', b'"\\', b"a", b"\x00"]
)
def test_limits_are_checked_in_linear_time(piece: bytes) -> None:
    body = piece * (LARGE // len(piece))
    for start in (b"", b'"', b'{"'):
        prefix = time.process_time()
        find_exceeded_limit(start + body)
        assert time.process_time() - prefix < 2


def test_the_limits_are_documented() -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    for limit in (
        (
            f"{MAX_RECORD_BYTES // 2**20} MiB uncompressed, {MAX_HEADERS:,} headers | one record "
            "| `too-large`"
        ),
        f"{MOST_MEMBERS:,} members and elements | one body | `too-many-members`",
        f"{DEEPEST} levels of nested objects and arrays | one body | `too-deep`",
        f"{LONGEST_MEMBER_NAME:,} bytes | the name of a member | `name-too-long`",
        f"{MOST_PARTS:,} parts",
        f"{LARGEST_RECORD:,} bytes | a fact that a record causes | `fact-too-large`",
    ):
        assert limit in page
