"""Texts are Portuguese, with all places filled in, and numbers are divided exactly."""

from datetime import UTC, datetime

import pytest

from shared.generate import words
from shared.generate.dice import Dice
from shared.generate.sizes import scale_sizes, share_out, share_out_group_messages, weigh_by_zipf
from shared.generate.times import find_open_time
from shared.generate.words import Texts

EVERY_TEXT = (
    *words.GREETINGS, *words.REQUESTS, *words.DETAILS, *words.ANSWERS, *words.NOTES,
    *words.GROUP_NAMES, *words.CLOSINGS,
)  # fmt: skip


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("template", EVERY_TEXT)
def test_every_place_of_a_text_is_filled_in(template: str) -> None:
    text = Texts(Dice(1)).fill(template)
    assert text
    assert not set("{}") & set(text)


def test_an_unknown_place_is_an_error() -> None:
    with pytest.raises(KeyError):
        Texts(Dice(1)).fill("Olá, {nobody}")


def test_texts_have_accents_and_differ() -> None:
    texts = Texts(Dice(1))
    asked = {texts.ask() for _ in range(500)}
    assert len(asked) > 300
    assert any("ã" in text for text in asked)
    assert max(map(len, asked)) > 3 * min(map(len, asked))


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (10, [3, 1, 1], [5, 3, 2]),
        (3, [5, 1, 1], [1, 1, 1]),
        (2, [5, 1, 1], [1, 1, 0]),
        (0, [], []),
    ],
)
def test_a_total_is_divided_exactly_and_each_gets_something(
    total: int, weights: list[float], shares: list[int]
) -> None:
    assert share_out(total, weights) == shares
    assert sum(shares) == total


def test_scale_1_is_that_of_the_documented_database() -> None:
    sizes = scale_sizes(1)
    assert (sizes.companies, sizes.users, sizes.lines) == (55, 320, 180)
    assert (sizes.contacts, sizes.tickets, sizes.messages) == (45_000, 120_000, 850_000)
    of_groups = share_out_group_messages(sizes)
    assert of_groups[0] == 50_000
    assert len(of_groups) == 450
    assert sum(of_groups) == 50_000 + 51_000


def test_the_busiest_group_does_not_grow_beyond_that_of_scale_1() -> None:
    assert scale_sizes(10).unread_in_group == 50_000
    assert scale_sizes(10).messages == 8_500_000


def test_weights_fall_with_the_rank() -> None:
    weights = weigh_by_zipf(10)
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == 1


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        pytest.param("2026-11-30T13:00", "2026-11-30T13:00", id="Monday at ten"),
        pytest.param("2026-11-30T09:00", "2026-11-30T11:00", id="Monday at six"),
        pytest.param("2026-11-30T23:00", "2026-12-01T11:00", id="Monday at eight in the evening"),
        pytest.param("2026-12-05T17:00", "2026-12-07T11:00", id="Saturday afternoon"),
        pytest.param("2026-12-06T10:00", "2026-12-07T11:00", id="Sunday"),
    ],
)
def test_customers_are_answered_in_business_hours(at: str, opens: str) -> None:
    answered = find_open_time(Dice(1), seconds(at))
    assert seconds(opens) <= answered < seconds(opens) + 3 * 3_600
    assert (answered == seconds(opens)) == (at == opens)
