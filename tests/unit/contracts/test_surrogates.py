"""Halves of surrogate pairs in JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.surrogates import repair_surrogates


@pytest.mark.parametrize(
    ("body", "repaired"),
    [
        (rb'{"a":"\ud83d"}', b'{"a":"?"}'),
        (rb'{"a":"\uDE00 oi"}', b'{"a":"? oi"}'),
        (rb'{"a":"\ud83d\ud83d\ude00"}', rb'{"a":"?\ud83d\ude00"}'),
        (rb'{"\ude00\ud83d":1}', b'{"??":1}'),
        (rb'{"a":"\\ud83d"}', rb'{"a":"\\ud83d"}'),
        (rb'{"a":"\\\ud83d"}', rb'{"a":"\\?"}'),
        (rb'{"a":"\ud83d\u0041"}', rb'{"a":"?\u0041"}'),
        (rb'{"a":"\u00e1"}', rb'{"a":"\u00e1"}'),
    ],
)
def test_half_a_pair_becomes_a_question_mark(body: bytes, repaired: bytes) -> None:
    assert repair_surrogates(body) == repaired


@given(st.text(st.characters(exclude_categories=())))
def test_repaired_json_can_be_encoded_and_says_the_same_otherwise(text: str) -> None:
    repaired = json.loads(repair_surrogates(json.dumps(text).encode()))
    paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert repaired == paired.replace("\ufffd", "?") or "\ufffd" in text
    repaired.encode()
