import pytest
from pydantic import JsonValue

from shared.gateways.normalize.addresses import (
    AddressKind,
    explain_address,
    join_addresses,
    parse_address,
    parse_wid,
)
from shared.gateways.normalize.json_values import JsonObject
from shared.gateways.registry import GATEWAYS, translate
from tests.unit.gateways.samples import LINE


@pytest.mark.parametrize(
    ("jid", "kind", "canonical", "send_to"),
    [
        (
            "5511988887777@s.whatsapp.net",
            AddressKind.NUMBER,
            "5511988887777",
            "5511988887777@s.whatsapp.net",
        ),
        (
            "5511988887777:90@s.whatsapp.net",
            AddressKind.NUMBER,
            "5511988887777",
            "5511988887777@s.whatsapp.net",
        ),
        (
            "5511988887777_1:2@S.WhatsApp.net",
            AddressKind.NUMBER,
            "5511988887777",
            "5511988887777@s.whatsapp.net",
        ),
        ("5511988887777@c.us", AddressKind.NUMBER, "5511988887777", "5511988887777@c.us"),
        (
            "5511988887777.0:12@s.whatsapp.net",
            AddressKind.NUMBER,
            "5511988887777",
            "5511988887777@s.whatsapp.net",
        ),
        ("BR.1a2B3c", AddressKind.BSUID, "BR.1a2B3c", "BR.1a2B3c"),
        ("US.ENT.990001", AddressKind.BSUID, "US.ENT.990001", "US.ENT.990001"),
        ("user.9a00f1", AddressKind.BSUID, "user.9a00f1", "user.9a00f1"),
        ("+55 11".replace(" ", "") + "988887777", AddressKind.NUMBER, "5511988887777", None),
        ("90000000000042:7@LID", AddressKind.LID, "90000000000042@lid", "90000000000042@lid"),
        (
            "90000000000042@hosted.lid",
            AddressKind.LID,
            "90000000000042@lid",
            "90000000000042@hosted.lid",
        ),
        ("120363000000000777@g.us", AddressKind.GROUP, "120363000000000777", None),
        ("5511988887777-1400000000@g.us", AddressKind.GROUP, "5511988887777-1400000000", None),
        ("status@broadcast", AddressKind.STATUS, "status@broadcast", None),
        ("1700000000@broadcast", AddressKind.BROADCAST, "1700000000@broadcast", None),
        (
            "120363000000000999@newsletter",
            AddressKind.NEWSLETTER,
            "120363000000000999@newsletter",
            None,
        ),
        ("867051314767696@bot", AddressKind.BOT, "867051314767696@bot", None),
        ("1@interop", AddressKind.OTHER, "1@interop", None),
    ],
)
def test_an_address_has_one_canonical_text(
    jid: str, kind: AddressKind, canonical: str, send_to: str | None
) -> None:
    parsed = parse_address(jid)
    assert parsed is not None
    assert (parsed.kind, parsed.canonical) == (kind, canonical)
    if send_to:
        assert parsed.jid == send_to


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "someone",
        "@lid",
        "abc@lid",
        "maria@s.whatsapp.net",
        "1 2@c.us",
        "BR.",
        "BRA.1",
        "BR." + "1" * 129,
        "120363000000000777",
    ],
)
def test_other_text_is_no_address(text: str) -> None:
    assert parse_address(text) is None


def test_digits_of_other_scripts_are_no_number() -> None:
    assert parse_address("٥٥١١٩٨٨٨٨٧٧٧٧@s.whatsapp.net") is None


def test_a_number_wins_over_a_lid_whichever_comes_first() -> None:
    lid, phone = "90000000000042@lid", "5511988887777@s.whatsapp.net"
    assert join_addresses([lid, phone]) == join_addresses([phone, lid])
    party = join_addresses([lid, "", "rubbish", phone])
    assert party is not None
    assert (party.canonical, party.lid, party.jid) == ("5511988887777", lid, phone)


def test_a_person_known_by_lid_alone_is_the_lid() -> None:
    party = join_addresses(["", "90000000000042:3@lid"])
    assert party is not None
    assert party.canonical == party.lid == party.jid == "90000000000042@lid"


def test_a_number_wins_over_a_bsuid_and_a_bsuid_over_a_lid() -> None:
    party = join_addresses(["90000000000042@lid", "BR.77"])
    assert party is not None
    assert (party.canonical, party.lid, party.jid) == ("BR.77", "90000000000042@lid", "BR.77")
    with_number = join_addresses(["BR.77", "5511988887777@c.us"])
    assert with_number is not None
    assert with_number.canonical == "5511988887777"


def test_a_group_is_not_a_person() -> None:
    assert join_addresses(["120363000000000777@g.us", "status@broadcast"]) is None


@pytest.mark.parametrize(
    ("raw", "wid"),
    [
        ("3EB0C0FFEE", "3EB0C0FFEE"),
        ("true_5511988887777@c.us_3EB0C0FFEE", "3EB0C0FFEE"),
        ("false_120363000000000777@g.us_3EB0C0FFEE_5511988887777@c.us", "3EB0C0FFEE"),
        ("120363000000000777@g.us_3EB0C0FFEE_90000000000042@lid", "3EB0C0FFEE"),
        ("wamid.HBgN_a-b/c+d==", "wamid.HBgN_a-b/c+d=="),
        (" 3EB0C0FFEE ", "3EB0C0FFEE"),
        ("", None),
        ("two words", None),
        ("x" * 256, None),
    ],
)
def test_a_wid_is_the_bare_provider_id(raw: str, wid: str | None) -> None:
    assert parse_wid(raw) == wid


@pytest.mark.parametrize(
    ("address", "explanation"),
    [
        ("", "from is missing"),
        ("  ", "from is missing"),
        ("9" * 256, "from has 256 characters, more than 255"),
        ("12345", "from '12345' is no number of 6 to 15 digits, no BSUID, and has no @server"),
        ("Ana", "from 'Ana' is no number of 6 to 15 digits, no BSUID, and has no @server"),
        ("ana@c.us", "from 'ana@c.us' has 'ana' before @c.us, which is no id there"),
        ("5511@x@y", "from '5511@x@y' is not an address of the form user@server"),
    ],
)
def test_an_address_that_is_none_is_explained(address: str, explanation: str) -> None:
    assert parse_address(address) is None
    assert explain_address("from", address) == explanation


def test_every_gateway_says_what_is_wrong_with_the_address_of_a_message() -> None:
    text: JsonValue = {"from": "12345", "id": "wamid.A", "type": "text", "text": {"body": "a"}}
    cloud: JsonObject = {"messages": [text]}
    key: JsonValue = {"remoteJid": "ana@c.us", "fromMe": False, "id": "A"}
    proto: JsonObject = {"key": key, "message": {"conversation": "a"}}
    web: JsonObject = {"id": "false_ana@c.us_A", "from": "ana@c.us", "type": "chat", "body": "a"}
    payloads: dict[str, JsonObject] = {
        "cloud-api": cloud,
        "evolution": {"event": "messages.upsert", "instance": "loja", "data": proto},
        "evolution-go": {"event": "Message", "data": proto},
        "baileys": {"event": "messages.upsert", "data": proto},
        "waha": {"event": "message", "session": "loja", "payload": web},
        "whatsapp-web-js": {"event": "message", "data": web},
        "wppconnect": {"event": "onmessage", "session": "loja", **web},
    }
    assert payloads.keys() == GATEWAYS.keys()
    for gateway, payload in payloads.items():
        (part,) = translate(gateway, payload, LINE).unreadable
        wrong = "from '12345'" if gateway == "cloud-api" else "key.remoteJid 'ana@c.us'"
        assert part.detail.startswith(wrong), gateway
