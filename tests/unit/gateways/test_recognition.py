"""A payload that was posted to another gateway's address is refused by name."""

import json
from itertools import permutations

import pytest

from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.recognition import recognize_gateway
from shared.gateways.registry import GATEWAYS, translate
from tests.unit.gateways import samples
from tests.unit.gateways.samples import LINE

TEXTS: dict[str, JsonObject] = json.loads((samples.DATA / "texts.json").read_text("utf-8"))


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_text_is_recognized_as_its_gateways(gateway: str) -> None:
    assert recognize_gateway(TEXTS[gateway]) == gateway


@pytest.mark.parametrize(("posted", "address"), list(permutations(GATEWAYS, 2)))
def test_a_text_posted_to_another_gateways_address_is_refused_by_name(
    posted: str, address: str
) -> None:
    translation = translate(address, TEXTS[posted], LINE)
    assert not translation.events
    (refused,) = translation.unreadable
    assert refused.reason == "wrong-gateway"
    assert f"this looks like {posted}'s" in refused.detail
    assert f"/gateways/{address}/" in refused.detail


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_no_payload_of_a_gateway_is_taken_for_another_ones(gateway: str) -> None:
    payloads = [sample["payload"] for sample in samples.load_own(gateway).values()]
    payloads += samples.load_public(gateway).values()
    assert {recognize_gateway(payload) for payload in payloads} <= {gateway, None}


@pytest.mark.parametrize(
    ("gateway", "name"),
    [
        ("cloud-api", "several_entries_changes_and_messages"),
        ("waha", "gows_text_from_an_advert"),
        ("evolution", "advert"),
        ("evolution-go", "text_reply"),
        ("whatsapp-web-js", "number_became_another"),
        ("wppconnect", "text_from_an_advert"),
    ],
)
def test_payloads_with_all_their_members_are_recognized(gateway: str, name: str) -> None:
    assert recognize_gateway(samples.load_own(gateway)[name]["payload"]) == gateway


@pytest.mark.parametrize("address", ["baileys", "evolution", "evolution-go", "waha"])
def test_a_shape_that_several_gateways_post_is_translated(address: str) -> None:
    shared: JsonObject = {
        "event": "presence.update",
        "session": "loja",
        "data": {},
        "payload": {"id": "1"},
    }
    translation = translate(address, shared, LINE)
    assert [part.reason for part in translation.unreadable if part.reason == "wrong-gateway"] == []
