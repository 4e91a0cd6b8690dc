"""The spellings of a chat in messages of other producers."""

import pytest
from pydantic import ValidationError

from tests.support.build import received


@pytest.mark.parametrize(
    ("address", "chat"),
    [
        ("5511900000001", "5511900000001"),
        ("+5511900000001", "5511900000001"),
        ("5511900000001@s.whatsapp.net", "5511900000001"),
        ("5511900000001:12@S.WhatsApp.net", "5511900000001"),
        ("5511900000001@c.us", "5511900000001"),
        ("120363000000000001@g.us", "120363000000000001"),
        ("551190000-1600000000@g.us", "551190000-1600000000"),
        ("140000000000580@lid", "140000000000580@lid"),
        ("BR.1A2B3C", "BR.1A2B3C"),
    ],
)
def test_all_spellings_of_an_address_are_one_chat(address: str, chat: str) -> None:
    message = received(chat=address)
    assert (message.chat, message.key) == (chat, f"1:10:{chat}")


@pytest.mark.parametrize("address", ["+", "@s.whatsapp.net"])
def test_an_address_without_a_user_is_invalid(address: str) -> None:
    with pytest.raises(ValidationError):
        received(chat=address)
