import pytest

from shared.contracts.message import MessageReceived
from shared.gateways import registry, waha_gows
from shared.gateways.reading import JsonObject
from tests.unit.gateways.samples import LINE, outcomes, own

ENGINES: dict[str, JsonObject] = {
    "WEBJS": {"type": "chat", "id": {"fromMe": False, "remote": "5511990000001@c.us", "id": "A1"}},
    "NOWEB": {
        "key": {"remoteJid": "5511990000001@s.whatsapp.net", "fromMe": False, "id": "A1"},
        "message": {"conversation": "oi"},
    },
    "GOWS": {
        "Info": {"Chat": "5511990000001@s.whatsapp.net", "IsFromMe": False, "ID": "A1"},
        "Message": {"conversation": "oi"},
    },
    "none": {},
}


def posted(event: str, payload: JsonObject) -> JsonObject:
    return {"event": event, "session": "loja", "payload": payload}


@pytest.mark.parametrize("event", ["message", "message.any"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_tells_of_the_same_message(engine: str, event: str) -> None:
    message: JsonObject = {
        "id": "false_5511990000001@c.us_A1",
        "from": "5511990000001@c.us",
        "body": "oi",
        "_data": ENGINES[engine],
    }
    (told,) = registry.translate("waha", posted(event, message), LINE).events
    assert isinstance(told, MessageReceived)
    assert (told.key, told.wid, told.body) == ("7:3:5511990000001", "A1", "oi")
    assert told.media_type == "conversation"


@pytest.mark.parametrize(
    ("chat", "reason"),
    [
        ("status@broadcast", "status-broadcast"),
        ("120363000000000999@newsletter", "newsletter"),
        ("1700000000@broadcast", "broadcast-list"),
    ],
)
def test_what_is_no_chat_has_a_name(chat: str, reason: str) -> None:
    message: JsonObject = {"id": f"true_{chat}_A1", "from": chat, "fromMe": True, "body": "oi"}
    translation = registry.translate("waha", posted("message.any", message), LINE)
    assert outcomes(translation) == [f"ignored: {reason}"]


def test_a_new_bare_id_is_of_the_chat_it_names_beside() -> None:
    message: JsonObject = {"id": "A1", "from": "5511990000001@c.us", "fromMe": True, "body": "oi"}
    (told,) = registry.translate("waha", posted("message.any", message), LINE).events
    assert told.key == "7:3:5511990000001"


def test_whatsmeows_spellings_become_baileys() -> None:
    assert waha_gows.baileys_form(
        {"stanzaID": 1, "URL": 2, "JPEGThumbnail": 3, "Response": {"SelectedDisplayText": "Sim"}}
    ) == {"stanzaId": 1, "url": 2, "jpegThumbnail": 3, "selectedDisplayText": "Sim"}


def test_we_do_not_become_the_chat_of_our_own_message() -> None:
    sample = own("waha")["webjs_own_text_from_the_telephone"]
    (told,) = registry.translate("waha", sample["payload"], LINE).events
    assert told.key == "7:3:5511990000001"
