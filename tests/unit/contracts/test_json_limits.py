"""What JSON of others may hold at most, known before it is parsed."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.json_limits import DEEPEST, LONGEST_MEMBER_NAME, MOST_MEMBERS, exceeded
from shared.delivery.outbox import LARGEST_RECORD
from shared.delivery.too_large import LARGEST, MOST_HEADERS
from shared.gateways.outcome import MOST_PARTS
from tests.support.sources import ROOT

LARGE = 3_500_000  # bytes
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=80), inner, max_size=4)
    ),
)


def reason(body: bytes) -> str:
    found = exceeded(body)
    return found.reason if found else ""


@given(VALUES)
def test_ordinary_json_fits(value: object) -> None:
    assert exceeded(json.dumps(value).encode()) is None


@pytest.mark.parametrize(("levels", "why"), [(DEEPEST, ""), (DEEPEST + 1, "too-deep")])
def test_levels_are_counted(levels: int, why: str) -> None:
    assert reason(b"[" * levels + b"]" * levels) == why
    assert reason(b'{"a":' * levels + b"1" + b"}" * levels) == why


@pytest.mark.parametrize("margin", [1, 5_000])
def test_white_space_before_a_body_hides_nothing(margin: int) -> None:
    assert reason(b" " * margin + b"[" * (DEEPEST + 1)) == "too-deep"


@pytest.mark.parametrize(("more", "why"), [(0, ""), (1, "too-many-members")])
def test_members_are_counted(more: int, why: str) -> None:
    elements = MOST_MEMBERS - 1 + more  # and the commas between them, and the array itself
    assert reason(b"[" + b",".join([b"1"] * (elements + 1)) + b"]") == why


@pytest.mark.parametrize(("more", "why"), [(0, ""), (1, "name-too-long")])
def test_names_are_measured(more: int, why: str) -> None:
    name = "n" * (LONGEST_MEMBER_NAME + more)
    assert reason(json.dumps({"a": {name: 1}}).encode()) == why
    assert reason(json.dumps({"a": {name: 1}}, separators=(" ,", "  :")).encode()) == why


def test_a_name_of_escaped_quotes_is_measured() -> None:
    assert reason(json.dumps({'"' * LONGEST_MEMBER_NAME: 1}).encode()) == "name-too-long"


@pytest.mark.parametrize("text", ["[{," * 200_000, '"' * 200_000, "\\" * 200_000, "n" * LARGE])
def test_a_text_may_hold_anything(text: str) -> None:
    assert exceeded(json.dumps({"text": text}).encode()) is None


@pytest.mark.parametrize(
    "piece", [b'"', b"\\", b'\\"', b'"a" ', b"[", b"{}", b",", b'"a":', b'"\\', b"a", b"\x00"]
)
def test_nothing_takes_long_to_measure(piece: bytes) -> None:
    body = piece * (LARGE // len(piece))
    for start in (b"", b'"', b'{"'):
        begun = time.process_time()
        exceeded(start + body)
        assert time.process_time() - begun < 2


def test_the_documents_name_the_limits() -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    for limit in (
        f"{LARGEST // 2**20} MiB uncompressed, {MOST_HEADERS:,} headers | one record | `too-large`",
        f"{MOST_MEMBERS:,} members and elements | one body | `too-many-members`",
        f"{DEEPEST} levels of objects and arrays in one another | one body | `too-deep`",
        f"{LONGEST_MEMBER_NAME:,} bytes | the name of a member | `name-too-long`",
        f"{MOST_PARTS:,} parts",
        f"{LARGEST_RECORD:,} bytes | a fact that a record causes | `fact-too-large`",
    ):
        assert limit in page
