import pytest

from shared.gateways import baileys_message
from shared.gateways.baileys_message import Content
from shared.gateways.outcome import Ignored
from shared.gateways.reading import JsonObject


@pytest.mark.parametrize(
    "wrapper",
    [
        "ephemeralMessage",
        "viewOnceMessage",
        "viewOnceMessageV2",
        "viewOnceMessageV2Extension",
        "documentWithCaptionMessage",
        "deviceSentMessage",
        "groupMentionedMessage",
        "editedMessage",
        "spoilerMessage",
    ],
)
def test_a_wrapper_is_looked_through_wherever_it_stands(wrapper: str) -> None:
    wrapped: JsonObject = {
        "messageContextInfo": {"messageSecret": "S"},
        wrapper: {"message": {"audioMessage": {"ptt": True}}},
    }
    assert baileys_message.read({"message": wrapped}) == Content("audio", "")


def test_endless_wrapping_ends() -> None:
    message: JsonObject = {"conversation": "x"}
    for _ in range(500):
        message = {"ephemeralMessage": {"message": message}}
    assert baileys_message.read({"message": message}) == Ignored(
        "empty-message", "ephemeralMessage"
    )


def test_media_is_not_lost_to_a_text_beside_it() -> None:
    read = baileys_message.read(
        {"message": {"conversation": "x", "imageMessage": {"caption": "the picture"}}}
    )
    assert read == Content("image", "the picture")


@pytest.mark.parametrize(
    ("mimetype", "family"),
    [
        ("application/pdf", "application"),
        ("TEXT/plain; charset=utf-8", "text"),
        ("image/png", "image"),
        ("x-strange/thing", "application"),
        ("", "application"),
        (None, "application"),
        (7, "application"),
    ],
)
def test_a_document_is_of_its_mime_family(mimetype: str | int | None, family: str) -> None:
    read = baileys_message.read(
        {"message": {"documentMessage": {"mimetype": mimetype, "fileName": "a.bin"}}}
    )
    assert read == Content(family, "a.bin")


def test_only_the_stored_file_is_a_media_address() -> None:
    message: JsonObject = {
        "imageMessage": {"url": "https://mmg.example.net/a.enc"},
        "mediaUrl": "/9j/4AAQSkZJRg",
    }
    assert baileys_message.read({"message": message}) == Content("image", "", media_url=None)


@pytest.mark.parametrize(
    "location",
    [{}, {"degreesLatitude": True}, {"degreesLatitude": 1.5, "degreesLongitude": float("nan")}],
)
def test_a_place_that_is_nowhere_is_no_message(location: JsonObject) -> None:
    assert baileys_message.read({"message": {"locationMessage": location}}) == Ignored(
        "empty-message", "locationMessage"
    )


def test_a_tiny_angle_is_not_written_as_an_exponent() -> None:
    read = baileys_message.read(
        {"message": {"locationMessage": {"degreesLatitude": 0.00002, "degreesLongitude": 10}}}
    )
    assert read == Content("locationMessage", "0.00002, 10")


def test_a_stub_that_repeats_a_revoke_is_named_so() -> None:
    assert baileys_message.read({"message": None, "messageStubType": 1}) == Ignored("revoke", "1")


@pytest.mark.parametrize("kind", ["listResponseMessage", "buttonsResponseMessage"])
def test_an_answer_that_says_nothing_is_no_message(kind: str) -> None:
    assert baileys_message.read({"message": {kind: {"x": 1}}}) == Ignored("empty-message", kind)


def test_an_offer_of_buttons_alone_is_kept_though_it_has_no_words() -> None:
    offered: JsonObject = {"interactiveMessage": {"nativeFlowMessage": {"buttons": [7]}}}
    assert baileys_message.read({"message": offered}) == Content("interactiveMessage", "")


def test_edits_in_edits_are_not_followed() -> None:
    message: JsonObject = {"conversation": "x"}
    for _ in range(500):
        message = {"protocolMessage": {"key": {"id": "A"}, "type": 14, "editedMessage": message}}
    assert isinstance(baileys_message.read({"message": message}), Ignored)


def test_an_order_counts_its_items() -> None:
    one = baileys_message.read({"message": {"orderMessage": {"itemCount": 1}}})
    assert one == Content("orderMessage", "1 item")


@pytest.mark.parametrize("written", ["", "{", "[1]", '"x"', "9" * 5000, "[" * 100_000])
def test_parameters_that_are_no_object_say_nothing(written: str) -> None:
    flow: JsonObject = {"name": "flow", "paramsJson": written}
    reply: JsonObject = {"body": {"text": "Enviado"}, "nativeFlowResponseMessage": flow}
    read = baileys_message.read({"message": {"interactiveResponseMessage": reply}})
    assert read == Content("interactiveResponseMessage", "Enviado")
