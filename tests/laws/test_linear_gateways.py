"""The work of a translation grows linearly with the payload, so that no record delays others."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.message import MessageReceived
from shared.delivery.dead_letters.blanking import blank_secrets
from shared.gateways import registry
from shared.gateways.normalize.outcome import MOST_PARTS
from tests.laws import growing, growing_parts
from tests.laws.gateway_messages import build_cloud_message, build_cloud_webhook
from tests.laws.growing import Growth
from tests.support.effort import Prepared, is_linear, spent
from tests.unit.gateways.samples import LINE

IN_ONE = list(growing.grow_one_message())
IN_PARTS = list(growing_parts.grow_parts())
LARGEST_PAYLOAD = 3_500_000  # bytes, as posts are bounded
LONGEST_S = 5.0  # for the largest payload; about one on an idle machine


def _prepare_translation(gateway: str, grown: Growth) -> Callable[[int], Prepared]:
    def prepare(n: int) -> Prepared:
        payload = json.loads(json.dumps(grown(n)))
        return lambda: registry.translate(gateway, payload, LINE)

    return prepare


def _name_cases(cases: list[tuple[str, str, Growth]]) -> Any:
    return [pytest.param(gateway, grown, id=name) for gateway, name, grown in cases]


@pytest.mark.parametrize(("gateway", "grown"), _name_cases(IN_ONE))
def test_the_work_for_a_message_grows_linearly(gateway: str, grown: Growth) -> None:
    assert is_linear(_prepare_translation(gateway, grown), 16, growing.MOST_ITEMS)


@pytest.mark.parametrize(("gateway", "grown"), _name_cases(IN_PARTS))
def test_the_work_for_parts_grows_linearly(gateway: str, grown: Growth) -> None:
    assert is_linear(_prepare_translation(gateway, grown), 8, growing_parts.MOST_PARTS)


@pytest.mark.parametrize("run", growing.RUNS, ids=repr)
def test_the_work_for_a_text_grows_linearly(run: str) -> None:
    superlinear = [
        name
        for gateway, name, grown in growing.grow_texts(run)
        if not is_linear(_prepare_translation(gateway, grown), 256, growing.LONGEST_TEXT)
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
    "prefix", ["", '{"token":', '{"token":"', '\\"token\\":[', "token="], ids=repr
)
def test_the_work_for_blanking_secrets_grows_linearly(prefix: str) -> None:
    def blanking(run: str) -> Callable[[int], Prepared]:
        def prepare(n: int) -> Prepared:
            body = (prefix + run * (n // len(run))).encode()
            return lambda: blank_secrets("chatia.tickets.requests", body)

        return prepare

    runs = [run for run in BLANKED if not is_linear(blanking(run), 256, growing.LONGEST_TEXT)]
    assert runs == []


@pytest.mark.parametrize("gateway", registry.GATEWAYS)
def test_every_gateway_is_tried(gateway: str) -> None:
    assert gateway in {case[0] for case in IN_ONE}


@pytest.mark.parametrize(("gateway", "grown"), _name_cases(IN_PARTS))
def test_a_payload_has_as_many_parts_as_are_allowed_or_is_a_dead_letter(
    gateway: str, grown: Growth
) -> None:
    translation = registry.translate(gateway, grown(MOST_PARTS + 500), LINE)
    parts = [*translation.events, *translation.ignored, *translation.unreadable]
    assert len(parts) <= MOST_PARTS
    if reasons := {part.reason for part in translation.unreadable}:
        assert (len(parts), len(reasons)) == (1, 1)


def test_the_largest_allowed_payload_is_translated_in_time() -> None:
    room = LARGEST_PAYLOAD // MOST_PARTS - 400
    members = {f"{index:x}": 1 for index in range(room // 8)}
    payload = build_cloud_webhook(
        {"messages": [build_cloud_message(n, x=members) for n in range(MOST_PARTS)]}
    )
    assert len(json.dumps(payload)) > LARGEST_PAYLOAD // 2
    translation = registry.translate("cloud-api", payload, LINE)
    assert len(translation.events) == MOST_PARTS
    assert all(isinstance(event, MessageReceived) for event in translation.events)
    assert spent(lambda: registry.translate("cloud-api", payload, LINE), 1) < LONGEST_S
