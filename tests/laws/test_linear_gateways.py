"""Whatever a gateway sends, the work grows no faster: no record stops the others."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.message import MessageReceived
from shared.delivery.blanking import without_secrets
from shared.gateways import registry
from shared.gateways.outcome import MOST_PARTS
from tests.laws import growing
from tests.laws.growing import Grown
from tests.support.effort import Prepared, is_linear, spent
from tests.unit.gateways.samples import LINE

IN_ONE = list(growing.of_one_message())
IN_PARTS = list(growing.of_parts())
LARGEST_PAYLOAD = 3_500_000  # bytes, as posts are bounded
LONGEST_S = 5.0  # for the largest payload; about one on an idle machine


def _translating(gateway: str, grown: Grown) -> Callable[[int], Prepared]:
    def prepare(n: int) -> Prepared:
        payload = json.loads(json.dumps(grown(n)))
        return lambda: registry.translate(gateway, payload, LINE)

    return prepare


def _named(cases: list[tuple[str, str, Grown]]) -> Any:
    return [pytest.param(gateway, grown, id=name) for gateway, name, grown in cases]


@pytest.mark.parametrize(("gateway", "grown"), _named(IN_ONE))
def test_a_message_of_twice_as_much_takes_twice_the_work(gateway: str, grown: Grown) -> None:
    assert is_linear(_translating(gateway, grown), 16, growing.MOST_ITEMS)


@pytest.mark.parametrize(("gateway", "grown"), _named(IN_PARTS))
def test_twice_as_many_parts_take_twice_the_work(gateway: str, grown: Grown) -> None:
    assert is_linear(_translating(gateway, grown), 8, growing.MOST_PARTS)


@pytest.mark.parametrize("run", growing.RUNS, ids=repr)
def test_a_text_of_twice_the_length_takes_twice_the_work(run: str) -> None:
    superlinear = [
        name
        for gateway, name, grown in growing.texts(run)
        if not is_linear(_translating(gateway, grown), 256, growing.LONGEST_TEXT)
    ]
    assert superlinear == []


BLANKED: tuple[str, ...] = (
    *growing.RUNS,
    "%5D=",
    "a%5D",
    "]",
    "a]",
    "=",
    "token=",
    "'",
    '\\"',
    "{",
    "{}",
    "[{",
)
BLANKED = (*BLANKED, '"token":', '"token":{', "'token':[", '\\"token\\":"', '"a" ', "x.", "&", ": ")


@pytest.mark.parametrize(
    "begun", ["", '{"token":', '{"token":"', '\\"token\\":[', "token="], ids=repr
)
def test_secrets_of_twice_the_length_take_twice_the_work_to_blank(begun: str) -> None:
    def blanking(run: str) -> Callable[[int], Prepared]:
        def prepare(n: int) -> Prepared:
            body = (begun + run * (n // len(run))).encode()
            return lambda: without_secrets("chatia.tickets.requests", body)

        return prepare

    runs = [run for run in BLANKED if not is_linear(blanking(run), 256, growing.LONGEST_TEXT)]
    assert runs == []


@pytest.mark.parametrize("gateway", registry.GATEWAYS)
def test_every_gateway_is_tried(gateway: str) -> None:
    assert gateway in {case[0] for case in IN_ONE}


@pytest.mark.parametrize(("gateway", "grown"), _named(IN_PARTS))
def test_a_payload_has_as_many_parts_as_are_allowed_or_is_a_dead_letter(
    gateway: str, grown: Grown
) -> None:
    translation = registry.translate(gateway, grown(MOST_PARTS + 500), LINE)
    parts = [*translation.events, *translation.ignored, *translation.unreadable]
    assert len(parts) <= MOST_PARTS
    if reasons := {part.reason for part in translation.unreadable}:
        assert (len(parts), len(reasons)) == (1, 1)


def test_the_largest_payload_of_as_many_parts_as_are_allowed_is_soon_read() -> None:
    room = LARGEST_PAYLOAD // MOST_PARTS - 400
    members = {f"{place:x}": 1 for place in range(room // 8)}
    payload = growing.of_cloud(
        {"messages": [growing.of_meta(n, x=members) for n in range(MOST_PARTS)]}
    )
    assert len(json.dumps(payload)) > LARGEST_PAYLOAD // 2
    translation = registry.translate("cloud-api", payload, LINE)
    assert len(translation.events) == MOST_PARTS
    assert all(isinstance(event, MessageReceived) for event in translation.events)
    assert spent(lambda: registry.translate("cloud-api", payload, LINE), 1) < LONGEST_S
