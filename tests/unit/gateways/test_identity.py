import pytest

from shared.gateways.identity import Kind, address, canonical_wid, person


@pytest.mark.parametrize(
    ("jid", "kind", "canonical", "send_to"),
    [
        (
            "5511988887777@s.whatsapp.net",
            Kind.NUMBER,
            "5511988887777",
            "5511988887777@s.whatsapp.net",
        ),
        (
            "5511988887777:90@s.whatsapp.net",
            Kind.NUMBER,
            "5511988887777",
            "5511988887777@s.whatsapp.net",
        ),
        (
            "5511988887777_1:2@S.WhatsApp.net",
            Kind.NUMBER,
            "5511988887777",
            "5511988887777@s.whatsapp.net",
        ),
        ("5511988887777@c.us", Kind.NUMBER, "5511988887777", "5511988887777@c.us"),
        (
            "5511988887777.0:12@s.whatsapp.net",
            Kind.NUMBER,
            "5511988887777",
            "5511988887777@s.whatsapp.net",
        ),
        ("BR.1a2B3c", Kind.BSUID, "BR.1a2B3c", "BR.1a2B3c"),
        ("US.ENT.990001", Kind.BSUID, "US.ENT.990001", "US.ENT.990001"),
        ("user.9a00f1", Kind.BSUID, "user.9a00f1", "user.9a00f1"),
        ("+55 11".replace(" ", "") + "988887777", Kind.NUMBER, "5511988887777", None),
        ("90000000000042:7@LID", Kind.LID, "90000000000042@lid", "90000000000042@lid"),
        (
            "90000000000042@hosted.lid",
            Kind.LID,
            "90000000000042@lid",
            "90000000000042@hosted.lid",
        ),
        ("120363000000000777@g.us", Kind.GROUP, "120363000000000777", None),
        ("5511988887777-1400000000@g.us", Kind.GROUP, "5511988887777-1400000000", None),
        ("status@broadcast", Kind.STATUS, "status@broadcast", None),
        ("1700000000@broadcast", Kind.BROADCAST, "1700000000@broadcast", None),
        ("120363000000000999@newsletter", Kind.NEWSLETTER, "120363000000000999@newsletter", None),
        ("867051314767696@bot", Kind.BOT, "867051314767696@bot", None),
        ("1@interop", Kind.OTHER, "1@interop", None),
    ],
)
def test_an_address_has_one_canonical_text(
    jid: str, kind: Kind, canonical: str, send_to: str | None
) -> None:
    found = address(jid)
    assert found is not None
    assert (found.kind, found.canonical) == (kind, canonical)
    if send_to:
        assert found.jid == send_to


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
    assert address(text) is None


def test_digits_of_other_scripts_are_no_number() -> None:
    assert address("٥٥١١٩٨٨٨٨٧٧٧٧@s.whatsapp.net") is None


def test_a_number_wins_over_a_lid_whichever_comes_first() -> None:
    lid, phone = "90000000000042@lid", "5511988887777@s.whatsapp.net"
    assert person([lid, phone]) == person([phone, lid])
    found = person([lid, "", "rubbish", phone])
    assert found is not None
    assert (found.canonical, found.lid, found.jid) == ("5511988887777", lid, phone)


def test_a_person_known_by_lid_alone_is_the_lid() -> None:
    found = person(["", "90000000000042:3@lid"])
    assert found is not None
    assert found.canonical == found.lid == found.jid == "90000000000042@lid"


def test_a_business_own_id_of_a_user_yields_to_the_number_only() -> None:
    found = person(["90000000000042@lid", "BR.77"])
    assert found is not None
    assert (found.canonical, found.lid, found.jid) == ("BR.77", "90000000000042@lid", "BR.77")
    with_number = person(["BR.77", "5511988887777@c.us"])
    assert with_number is not None
    assert with_number.canonical == "5511988887777"


def test_a_group_is_not_a_person() -> None:
    assert person(["120363000000000777@g.us", "status@broadcast"]) is None


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
    assert canonical_wid(raw) == wid
