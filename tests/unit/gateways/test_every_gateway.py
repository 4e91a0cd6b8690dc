"""Properties of the translation of every gateway, for our samples and the public ones."""

import json
import os

import pytest
from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways.normalize.json_values import read_object
from shared.gateways.registry import GATEWAYS, translate
from tests.unit.gateways import mutations, samples
from tests.unit.gateways.samples import LINE, describe_outcomes

MUTATIONS = int(os.environ.get("CHATIA_TEST_MUTATIONS", "300"))  # of each gateway's samples
SECRETS = ("FALSE-KEY", "SEGREDO", "apikey", "messageSecret", "/9j/", "REDACTED")

OWN = [(gateway, name) for gateway in GATEWAYS for name in samples.load_own(gateway)]
WITH_PUBLIC = [gateway for gateway in GATEWAYS if samples.load_public(gateway)]


@pytest.mark.parametrize(("gateway", "name"), OWN)
def test_a_sample_becomes_what_it_says(gateway: str, name: str) -> None:
    sample = samples.load_own(gateway)[name]
    expected = read_object(sample, "expected")
    translation = translate(gateway, sample["payload"], LINE)
    assert [part.reason for part in translation.ignored] == expected["ignored"]
    assert len(translation.unreadable) == expected["unreadable"]
    events = expected["events"]
    assert isinstance(events, list)
    assert len(events) == len(translation.events)
    for event, members in zip(translation.events, events, strict=True):
        assert isinstance(members, dict)
        published = event.model_dump(mode="json", by_alias=True) | {"type": event.type}
        assert members.items() <= published.items()
        assert (published["companyId"], published.get("whatsappId", 3)) == (7, 3)


@pytest.mark.parametrize(("gateway", "name"), OWN)
def test_no_secret_is_published(gateway: str, name: str) -> None:
    translation = translate(gateway, samples.load_own(gateway)[name]["payload"], LINE)
    text = "".join(event.model_dump_json() for event in translation.events)
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("gateway", WITH_PUBLIC)
def test_every_public_sample_becomes_what_is_expected(gateway: str) -> None:
    outcomes = {
        name: describe_outcomes(translate(gateway, payload, LINE))
        for name, payload in samples.load_public(gateway).items()
    }
    assert outcomes == samples.load_expected(gateway)


@pytest.mark.skipif(
    not samples.load_public("other"), reason="no public samples beside this repository"
)
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_payload_of_another_gateway_is_unreadable_with_a_detail(gateway: str) -> None:
    for name, payload in samples.load_public("other").items():
        translation = translate(gateway, payload, LINE)
        assert describe_outcomes(translation) == ["unreadable"], name
        assert translation.unreadable[0].detail


@pytest.mark.parametrize("gateway", WITH_PUBLIC)
def test_public_samples_show_neither_keys_nor_json(gateway: str) -> None:
    for name, payload in samples.load_public(gateway).items():
        for event in translate(gateway, payload, LINE).events:
            text = event.model_dump_json()
            assert [secret for secret in SECRETS if secret in text] == [], name
            body = event.body if isinstance(event, MessageReceived) else ""
            assert "Message" not in body, name
            assert not body.lstrip().startswith(("{", "[")), name


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_no_mutation_of_a_sample_raises_or_is_lost(gateway: str) -> None:
    payloads: dict[str, JsonValue] = {
        name: sample["payload"] for name, sample in samples.load_own(gateway).items()
    }
    payloads |= samples.load_public(gateway)
    for payload in mutations.build_mutations(payloads, MUTATIONS, gateway):
        translation = translate(gateway, payload, LINE)
        assert describe_outcomes(translation)
        for event in translation.events:
            assert type(event).model_validate_json(event.model_dump_json(by_alias=True)) == event
            if isinstance(event, MessageReceived):
                assert json.loads(event.data_json or "null") is not None


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("payload", [None, True, 7, "text", [], {}, [[]], {"event": 7}, {"x": 1}])
def test_a_payload_of_another_shape_has_an_outcome(gateway: str, payload: JsonValue) -> None:
    translation = translate(gateway, payload, LINE)
    assert translation.ignored or translation.unreadable
    assert not translation.events
