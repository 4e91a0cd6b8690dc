"""How long the members of events may be: what a key or an index holds has a length."""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.contracts.base import LONGEST_NAME, Name, Token, WholeName
from shared.contracts.catalogue import contracts
from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageReceived, Referral
from shared.contracts.trouble import LONGEST_QUOTED, quoted

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
TOLD_FROM_ROWS = {
    *("name", "number", "lid", "jid", "email", "custom_fields", "status", "changes", "reason"),
    *("inserted", "updated", "deleted", "removed"),
}


def texts(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[Any]:
    """Yield the types of text that a member holds, each with what limits it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from texts(parts[0], [*parts[1:], *metadata])
    elif origin in {Union, UnionType}:
        for part in parts:
            yield from texts(part, metadata)
    elif origin in {tuple, list, dict}:
        for part in parts:
            yield from texts(part)
    elif annotation is str:
        yield Annotated[(str, *metadata)] if metadata else str


def lets_through(kind: Any) -> bool:
    """Whether a text of this type may be longer than a name once it is read."""
    try:
        return len(TypeAdapter[str](kind).validate_python(TOO_LONG)) > LONGEST_NAME
    except ValidationError:
        return False


def members() -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the members of all contracts whose text may be of any length."""
    events: list[type[BaseModel]] = [event for each in contracts().values() for event in each]
    events += [EvolutionRecord, Referral]
    for contract in events:
        for name, member in contract.model_fields.items():
            if any(lets_through(kind) for kind in texts(member.annotation, member.metadata)):
                yield contract, name


def test_every_member_has_a_length_or_a_reason_to_have_none() -> None:
    without = {
        (contract.__name__, name)
        for contract, name in members()
        if name not in OF_ANY_LENGTH
        and not (name in TOLD_FROM_ROWS and getattr(contract, "ours_alone", False))
    }
    assert without == set()


def test_every_reason_is_of_a_member_that_needs_it() -> None:
    assert {name for _, name in members()} == OF_ANY_LENGTH.keys() | TOLD_FROM_ROWS


@pytest.mark.parametrize("kind", [Token, WholeName])
def test_an_identity_that_is_too_long_is_refused_and_never_clipped(kind: Any) -> None:
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
def test_a_message_by_an_address_that_is_too_long_is_unreadable(member: str) -> None:
    given = {
        "companyId": 1, "whatsappId": 1, "chat": "551", "wid": "W", "timestamp": 1_790_000_000,
    }  # fmt: skip
    MessageReceived.model_validate(given | {member: "1" * LONGEST_NAME})
    with pytest.raises(ValidationError):
        MessageReceived.model_validate(given | {member: "1" * (LONGEST_NAME + 1)})


def test_a_planted_member_without_a_length_is_found() -> None:
    assert list(map(lets_through, texts(dict[Name, str] | None))) == [False, True]


def test_a_sentence_repeats_no_more_than_the_beginning_of_a_name() -> None:
    assert quoted("color") == "color"
    assert quoted("a\x00b") == "ab"
    assert quoted("x" * 10**6) == "x" * LONGEST_QUOTED + "…"
