"""Lengths of text members: what a key or an index holds is bounded."""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.contracts.base import LONGEST_NAME, Name, Token, WholeName
from shared.contracts.catalogue import load_contracts
from shared.contracts.error_texts import LONGEST_QUOTED, quote_name
from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageReceived, Referral

TOO_LONG = "x" * 9_000
# Members that may be longer than a name, each with the reason why no index suffers from it.
OF_ANY_LENGTH = {
    "body": "words, or a payload: no index of Messages holds them but that of trigrams",
    "note": "words for colleagues: Messages.body",
    "message": "the words of a campaign: CampaignShipping.message",
    "data_json": "the gateway's message: Messages.dataJson",
    "media_url": "a link that is too long for its column stays in dataJson",
    "rows": "each column's own length is checked: shared/records/models.py",
    "source_url": "of a referral, which is no column",
    "headline": "of a referral, which is no column",
    "ctwa_clid": "of a referral, which is no column",
}
# Members of facts, which our services alone write: they come from columns that have a length.
COPIED_FROM_ROWS = {
    *("name", "number", "lid", "jid", "email", "custom_fields", "status", "changes", "reason"),
    *("inserted", "updated", "deleted", "removed"),
}


def iterate_text_types(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[Any]:
    """Yield the types of text that a member holds, each with what limits it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from iterate_text_types(parts[0], [*parts[1:], *metadata])
    elif origin in {Union, UnionType}:
        for part in parts:
            yield from iterate_text_types(part, metadata)
    elif origin in {tuple, list, dict}:
        for part in parts:
            yield from iterate_text_types(part)
    elif annotation is str:
        yield Annotated[(str, *metadata)] if metadata else str


def may_be_longer(kind: Any) -> bool:
    """Return whether a validated text of this type may be longer than a name."""
    try:
        return len(TypeAdapter[str](kind).validate_python(TOO_LONG)) > LONGEST_NAME
    except ValidationError:
        return False


def list_unlimited_members() -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the members of all contracts whose text may be of any length."""
    events: list[type[BaseModel]] = [event for each in load_contracts().values() for event in each]
    events += [EvolutionRecord, Referral]
    for contract in events:
        for name, member in contract.model_fields.items():
            if any(
                may_be_longer(kind)
                for kind in iterate_text_types(member.annotation, member.metadata)
            ):
                yield contract, name


def test_every_text_member_has_a_length_or_an_exception() -> None:
    without = {
        (contract.__name__, name)
        for contract, name in list_unlimited_members()
        if name not in OF_ANY_LENGTH
        and not (name in COPIED_FROM_ROWS and getattr(contract, "ours_alone", False))
    }
    assert without == set()


def test_every_exception_is_needed() -> None:
    assert {name for _, name in list_unlimited_members()} == OF_ANY_LENGTH.keys() | COPIED_FROM_ROWS


@pytest.mark.parametrize("kind", [Token, WholeName])
def test_an_identifier_that_is_too_long_is_refused(kind: Any) -> None:
    adapter = TypeAdapter[str](kind)
    assert adapter.validate_python("😀" * LONGEST_NAME) == "😀" * LONGEST_NAME
    with pytest.raises(ValidationError, match="at most 255 characters"):
        adapter.validate_python("😀" * (LONGEST_NAME + 1))


def test_a_name_that_is_too_long_is_clipped() -> None:
    assert TypeAdapter[str](Name).validate_python("😀" * 9_000) == "😀" * LONGEST_NAME


@pytest.mark.parametrize(
    "member",
    ["chat", "wid", "quotedWid", "lid", "jid", "participant", "participantJid", "channel"],
)
def test_a_message_with_an_address_that_is_too_long_is_unreadable(member: str) -> None:
    members = {
        "companyId": 1, "whatsappId": 1, "chat": "551", "wid": "W", "timestamp": 1_790_000_000,
    }  # fmt: skip
    MessageReceived.model_validate(members | {member: "1" * LONGEST_NAME})
    with pytest.raises(ValidationError):
        MessageReceived.model_validate(members | {member: "1" * (LONGEST_NAME + 1)})


def test_a_planted_member_without_a_length_is_found() -> None:
    assert list(map(may_be_longer, iterate_text_types(dict[Name, str] | None))) == [False, True]


def test_an_error_text_quotes_only_the_beginning_of_a_name() -> None:
    assert quote_name("color") == "color"
    assert quote_name("a\x00b") == "ab"
    assert quote_name("x" * 10**6) == "x" * LONGEST_QUOTED + "…"
