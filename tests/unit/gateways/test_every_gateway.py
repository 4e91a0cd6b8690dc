"""What holds for each gateway's payloads, ours and the public ones; only their shapes differ."""

import json
import os

import pytest
from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways import registry
from shared.gateways.reading import mapping
from tests.unit.gateways import mutations, samples
from tests.unit.gateways.samples import LINE, outcomes

MUTATIONS = int(os.environ.get("CHATIA_TEST_MUTATIONS", "300"))  # of each gateway's samples
SECRETS = ("FALSE-KEY", "SEGREDO", "apikey", "messageSecret", "/9j/", "REDACTED")

OWN = [(gateway, name) for gateway in registry.GATEWAYS for name in samples.own(gateway)]
WITH_PUBLIC = [gateway for gateway in registry.GATEWAYS if samples.public(gateway)]


@pytest.mark.parametrize(("gateway", "name"), OWN)
def test_a_sample_becomes_what_it_says(gateway: str, name: str) -> None:
    sample = samples.own(gateway)[name]
    wanted = mapping(sample, "expected")
    translation = registry.translate(gateway, sample["payload"], LINE)
    assert [part.reason for part in translation.ignored] == wanted["ignored"]
    assert len(translation.unreadable) == wanted["unreadable"]
    events = wanted["events"]
    assert isinstance(events, list)
    assert len(events) == len(translation.events)
    for event, members in zip(translation.events, events, strict=True):
        assert isinstance(members, dict)
        told = event.model_dump(mode="json", by_alias=True) | {"type": event.type}
        assert members.items() <= told.items()
        assert (told["companyId"], told.get("whatsappId", 3)) == (7, 3)


@pytest.mark.parametrize(("gateway", "name"), OWN)
def test_no_secret_is_told(gateway: str, name: str) -> None:
    translation = registry.translate(gateway, samples.own(gateway)[name]["payload"], LINE)
    said = "".join(event.model_dump_json() for event in translation.events)
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize("gateway", WITH_PUBLIC)
def test_every_public_sample_becomes_what_is_expected(gateway: str) -> None:
    found = {
        name: outcomes(registry.translate(gateway, payload, LINE))
        for name, payload in samples.public(gateway).items()
    }
    assert found == samples.expected(gateway)


@pytest.mark.skipif(not samples.public("other"), reason="no public samples beside this repository")
@pytest.mark.parametrize("gateway", registry.GATEWAYS)
def test_a_payload_of_a_gateway_that_is_not_spoken_is_unreadable_and_says_why(gateway: str) -> None:
    for name, payload in samples.public("other").items():
        translation = registry.translate(gateway, payload, LINE)
        assert outcomes(translation) == ["unreadable"], name
        assert translation.unreadable[0].detail


@pytest.mark.parametrize("gateway", WITH_PUBLIC)
def test_public_samples_show_neither_keys_nor_json(gateway: str) -> None:
    for name, payload in samples.public(gateway).items():
        for event in registry.translate(gateway, payload, LINE).events:
            said = event.model_dump_json()
            assert [secret for secret in SECRETS if secret in said] == [], name
            body = event.body if isinstance(event, MessageReceived) else ""
            assert "Message" not in body, name
            assert not body.lstrip().startswith(("{", "[")), name


@pytest.mark.parametrize("gateway", registry.GATEWAYS)
def test_no_mutation_of_a_sample_is_raised_about_or_lost(gateway: str) -> None:
    payloads: dict[str, JsonValue] = {
        name: sample["payload"] for name, sample in samples.own(gateway).items()
    }
    payloads |= samples.public(gateway)
    for payload in mutations.many(payloads, MUTATIONS, gateway):
        translation = registry.translate(gateway, payload, LINE)
        assert outcomes(translation)
        for event in translation.events:
            assert type(event).model_validate_json(event.model_dump_json(by_alias=True)) == event
            if isinstance(event, MessageReceived):
                assert json.loads(event.data_json or "null") is not None


@pytest.mark.parametrize("gateway", registry.GATEWAYS)
@pytest.mark.parametrize("payload", [None, True, 7, "text", [], {}, [[]], {"event": 7}, {"x": 1}])
def test_another_shape_has_a_name_too(gateway: str, payload: JsonValue) -> None:
    translation = registry.translate(gateway, payload, LINE)
    assert translation.ignored or translation.unreadable
    assert not translation.events
