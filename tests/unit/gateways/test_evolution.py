import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from shared.contracts.message import MessageReceived
from shared.gateways import registry
from shared.gateways.outcome import Translation
from shared.gateways.reading import JsonObject, mapping
from tests.unit.gateways import samples

OWN = samples.own("evolution")
PUBLIC = samples.public("evolution")
EXPECTED = samples.read(samples.DATA / "evolution-expected.json")


def translate(payload: JsonValue) -> Translation:
    return registry.translate("evolution", payload, company_id=7, whatsapp_id=3)


def told(translation: Translation) -> list[MessageReceived]:
    return [event for event in translation.events if isinstance(event, MessageReceived)]


def as_json(event: MessageReceived) -> JsonObject:
    return event.model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize("name", OWN)
def test_a_sample_becomes_what_it_says(name: str) -> None:
    expected, translation = mapping(OWN[name], "expected"), translate(OWN[name]["payload"])
    assert [ignored.reason for ignored in translation.ignored] == expected["ignored"]
    assert len(translation.unreadable) == expected["unreadable"]
    events = expected["events"]
    assert isinstance(events, list)
    assert len(events) == len(translation.events)
    for event, wanted in zip(told(translation), events, strict=True):
        assert isinstance(wanted, dict)
        assert wanted.items() <= as_json(event).items()
        assert (event.company_id, event.whatsapp_id, event.channel) == (7, 3, "whatsapp")


@pytest.mark.parametrize("name", OWN)
def test_no_secret_is_told(name: str) -> None:
    said = json.dumps([as_json(event) for event in told(translate(OWN[name]["payload"]))])
    for secret in ("FALSE-KEY", "SEGREDO", "apikey", "messageSecret", "/9j/"):
        assert secret not in said


def test_the_two_addressings_of_one_chat_are_one_conversation() -> None:
    forms = (
        "text_lid_chat_with_alternative_number",
        "text_number_chat_with_alternative_lid",
        "text_lid_chat_with_sender_number",
    )
    events = [told(translate(OWN[name]["payload"]))[0] for name in forms]
    assert len({event.key for event in events}) == 1
    assert len({event.wid for event in events}) == 1


def test_the_sender_of_our_own_message_is_not_its_chat() -> None:
    event = told(translate(OWN["own_text_seen_from_another_device"]["payload"]))[0]
    assert "552133330000" not in event.key


@pytest.mark.parametrize("payload", [None, True, 7, "text", [], {}, {"event": 7, "instance": "x"}])
def test_another_shape_is_unreadable(payload: JsonValue) -> None:
    translation = translate(payload)
    assert translation.unreadable
    assert not translation.events
    assert not translation.ignored


def test_a_gateway_nobody_knows_is_the_callers_mistake() -> None:
    with pytest.raises(registry.UnknownGatewayError, match="pigeon"):
        registry.translate("pigeon", {}, company_id=7, whatsapp_id=3)


@pytest.mark.skipif(not PUBLIC, reason="the public samples are not beside the repository")
def test_every_public_sample_becomes_what_is_expected() -> None:
    assert {name: _outcome(translate(payload)) for name, payload in PUBLIC.items()} == EXPECTED


@pytest.mark.skipif(not PUBLIC, reason="the public samples are not beside the repository")
def test_public_samples_tell_neither_keys_nor_json() -> None:
    for name, payload in PUBLIC.items():
        for event in told(translate(payload)):
            assert "apikey" not in event.model_dump_json(), name
            assert "REDACTED" not in event.model_dump_json(), name
            assert '"' not in event.body, name
            assert "Message" not in event.body, name


def _outcome(translation: Translation) -> str:
    assert not translation.unreadable
    kinds = [f"message of {event.media_type}" for event in told(translation)]
    (outcome,) = kinds + [f"ignored: {ignored.reason}" for ignored in translation.ignored]
    return outcome


ODD: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -(2**63), 2**53, 0]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["\x00", "\ud800", "status@broadcast", "1:2@lid", "@", "data:;base64,", "x" * 999]
    ),
    st.just([]),
    st.just({}),
    st.just({"0": 1}),
    st.just({"message": {"conversation": "x"}}),
    st.just([{"low": 1, "high": 2}]),
)


Path = tuple[str | int, ...]


def paths(value: JsonValue, here: Path = ()) -> list[Path]:
    """List where every member of a payload is, and in each object one that may not be there."""
    found = [here]
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += paths(inner, (*here, index))
    elif isinstance(value, dict):
        for name, inner in ({"message": None} | value).items():
            found += paths(inner, (*here, name))
    return found


def changed(value: JsonValue, path: Path, new: JsonValue) -> JsonValue:
    match value, path:
        case list(), (int(index), *rest):
            return [*value[:index], changed(value[index], tuple(rest), new), *value[index + 1 :]]
        case dict(), (str(name), *rest):
            return {**value, name: changed(value.get(name), tuple(rest), new)}
        case _:
            return new


@st.composite
def mutated(draw: st.DrawFn) -> JsonValue:
    """Draw one of our samples, with a few members replaced or added anywhere."""
    payload = OWN[draw(st.sampled_from(sorted(OWN)))]["payload"]
    for _ in range(draw(st.integers(1, 4))):
        payload = changed(payload, draw(st.sampled_from(paths(payload))), draw(ODD))
    return payload


@settings(max_examples=500, deadline=None)
@given(mutated())
def test_no_mutation_of_a_sample_is_raised_about_or_lost(payload: JsonValue) -> None:
    translation = translate(payload)
    assert translation.events or translation.ignored or translation.unreadable
    for event in told(translation):
        assert MessageReceived.model_validate_json(event.model_dump_json(by_alias=True)) == event
        assert json.loads(event.data_json or "null") is not None
