"""How a chat may be written by those who publish messages themselves."""

import pytest
from pydantic import ValidationError

from tests.support.build import received


@pytest.mark.parametrize(
    ("written", "chat"),
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
def test_one_chat_is_one_however_its_address_is_written(written: str, chat: str) -> None:
    message = received(chat=written)
    assert (message.chat, message.key) == (chat, f"1:10:{chat}")


@pytest.mark.parametrize("written", ["+", "@s.whatsapp.net"])
def test_an_address_of_nobody_is_no_chat(written: str) -> None:
    with pytest.raises(ValidationError):
        received(chat=written)
