"""Texts in the place of a person's name that are no name."""

from typing import Any

import pytest

from shared.contracts.contact import ContactLink
from shared.contracts.message import MessageReceived
from shared.contracts.names import read_name
from tests.support.build import received


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\u200b", "\u200e \u2060", "\ufeff", "\u3164", "\u2800", "\u00ad", "\ufe0f"),
        *("5511999990000", "+55 11 99999-0000", "~5511999990000", "(11) 99999.0000", "\u200b7"),
        *("5511999990000@s.whatsapp.net", "90000000000042@lid", "5511999990000:2@C.US"),
        *(5511999990000, 1.5, True, None, [], {}),
    ],
)
def test_a_number_an_address_and_what_is_blank_is_no_name(text: Any) -> None:
    assert read_name(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ana", "Ana"),
        (" Ana Prado\u200b ", "Ana Prado"),
        ("\u200eAna\u200f", "Ana"),
        ("Loja 24", "Loja 24"),
        ("3º andar", "3º andar"),
        ("🌹", "🌹"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("ana@loja.example", "ana@loja.example"),
    ],
)
def test_a_name_has_no_invisible_characters_around_it(text: str, name: str) -> None:
    assert read_name(text) == name


@pytest.mark.parametrize("text", ["\u200b", " ", "5511999990000", 5511999990000, {"a": 1}])
def test_an_event_with_such_a_name_has_none_and_is_valid(text: Any) -> None:
    message = received().model_dump(mode="json", by_alias=True) | {"pushName": text}
    assert MessageReceived.model_validate(message).push_name is None
    link = {"companyId": 1, "requestId": "r", "number": "5511999990000", "pushName": text}
    assert ContactLink.model_validate(link).push_name is None
