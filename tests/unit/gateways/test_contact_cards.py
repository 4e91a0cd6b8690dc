import pytest

from shared.gateways.normalize.contact_cards import format_card


@pytest.mark.parametrize(
    ("vcard", "shown"),
    [
        ("FN;QUOTED-PRINTABLE:Jo=C3=A3o", "João"),
        ("FN;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:Jo=E3o", "João"),
        ("fn;encoding=quoted-printable;charset=windows-1252:Jo=E3o", "João"),
        ("FN;ENCODING=QUOTED-PRINTABLE:João", "João"),
        ("FN;ENCODING=QUOTED-PRINTABLE;CHARSET=ZIP:Jo=C3=A3o", "João"),
        ("FN;ENCODING=QUOTED-PRINTABLE:Ana=0D=0ALima=00", "Ana Lima"),
        ("FN;ENCODING=QUOTED-PRINTABLE:Ana=", "Ana"),
        ("FN;ENCODING=QUOTED-PRINTABLE:Jo=FF", "Jo\ufffd"),
        ("FN:1=2=", "1=2="),
        ("FN:Ana \r\n Lima", "Ana Lima"),
        ("N:Lima;Ana;;;", "Ana Lima"),
        ("N:Loja", "Loja"),
        ("FN:\nN:Lima;Ana", "Ana Lima"),
        ("", ""),
        (" ", ""),
    ],
)
def test_the_name_of_a_card_is_read_in_every_encoding(vcard: str, shown: str) -> None:
    assert format_card({"vcard": vcard}) == shown


def test_a_soft_line_break_does_not_take_the_next_property() -> None:
    vcard = "FN;ENCODING=QUOTED-PRINTABLE:Ana=\r\n Lima\r\nTEL:1\r\nNOTE:a=\r\nTEL:2"
    assert format_card({"vcard": vcard}) == "Ana Lima: 1, 2"
