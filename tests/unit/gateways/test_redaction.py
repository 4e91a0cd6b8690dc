import json

from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.normalize.redaction import LARGEST, redact_message


def test_secrets_and_bytes_are_left_out_at_any_depth() -> None:
    message: JsonObject = {
        "key": {"id": "A1"},
        "apikey": "S",
        "message": {
            "messageContextInfo": {"messageSecret": "S"},
            "base64": "S",
            "imageMessage": {
                "caption": "kept",
                "mediaKey": "S",
                "fileEncSha256": "S",
                "jpegThumbnail": "S",
                "contextInfo": {
                    "quotedMessage": {"videoMessage": {"media_key": "S", "seconds": 3}}
                },
            },
            "unnamed": {"0": 1, "1": 255},
            "buffer": {"type": "Buffer", "data": [1, 2]},
            "picture": "data:image/png;base64,S",
            "qrcode": {"code": "S"},
            "qr": "S",
        },
    }
    assert json.loads(redact_message(message)) == {
        "key": {"id": "A1"},
        "message": {
            "imageMessage": {
                "caption": "kept",
                "contextInfo": {"quotedMessage": {"videoMessage": {"seconds": 3}}},
            },
            "picture": None,
        },
    }


def test_a_large_message_is_reduced_to_its_key_and_type() -> None:
    message: JsonObject = {
        "key": {"id": "A1", "fromMe": False, "remoteJid": "é" * LARGEST},
        "messageType": "conversation",
        "messageTimestamp": 1790000000,
        "message": {"conversation": "é" * LARGEST},
    }
    assert json.loads(redact_message(message)) == {
        "key": {"remoteJid": "é" * 255, "fromMe": False, "id": "A1"},
        "messageType": "conversation",
        "messageTimestamp": 1790000000,
    }


def test_a_message_at_the_bound_is_kept_whole() -> None:
    frame = len(redact_message({"message": ""}))
    redacted = redact_message({"message": "x" * (LARGEST - frame)})
    assert len(redacted) == LARGEST
    assert redact_message({"message": "x" * (LARGEST - frame + 1)}) == '{"key":{}}'


def test_depth_is_bounded() -> None:
    nested: JsonObject = {}
    for _ in range(10_000):
        nested = {"inner": nested}
    assert json.loads(redact_message(nested))


def test_values_that_json_cannot_hold_become_null() -> None:
    message: JsonObject = {"a": float("nan"), "b": 10**5000, "c": "\ud800"}
    assert json.loads(redact_message(message)) == {"a": None, "b": None, "c": "?"}


def test_tokens_in_nested_json_text_are_removed() -> None:
    message: JsonObject = {
        "paramsJson": '{"flow_token":"S","nome":"Ana"}',
        "response_json": "rubbish",
        "text": '{"flow_token":"kept, because a person wrote it"}',
    }
    assert json.loads(redact_message(message)) == {
        "paramsJson": {"nome": "Ana"},
        "response_json": "rubbish",
        "text": '{"flow_token":"kept, because a person wrote it"}',
    }
