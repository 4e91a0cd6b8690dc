"""The golden samples: each is still read, and means what it meant."""

import json
from pathlib import Path

import pytest

from shared.contracts.base import Event
from shared.contracts.catalogue import load_contracts
from shared.event_docs.samples import FOLDER, build_folder_name, get_sample
from shared.event_docs.schemas import build_schema, get_direction

EVENTS = [event for events in load_contracts().values() for event in events]
FILES = sorted(FOLDER.glob("*/*.json"))
MEANINGS = json.loads((FOLDER / "meanings.json").read_text("utf-8"))
# Requests that need one of several members, which no list of required members can say.
ONE_OF_SEVERAL = {
    "contact.link": {"number", "lid"},
    "contact.move": {"number"},
    "message.compose": {"body"},
    "message.react": {"wid"},
    "message.edit": {"wid"},
    "message.delete": {"wid"},
    "message.markRead": {"wid"},
    "ticket.transfer": {"userId"},
}

OPTIONS = {"template", "buttons", "list"}
# Members that exclude others: samples of their own have them.
EXCLUSIVE = {
    "message.compose": OPTIONS,
    "message.send": {*OPTIONS, "change"},
    "message.react": {"messageId"},
    "message.edit": {"messageId"},
    "message.delete": {"messageId"},
    "message.markRead": {"messageId"},
}


def find_contracts(file: Path) -> list[type[Event]]:
    return [event for event in EVENTS if build_folder_name(event) == file.parent.name]


def name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_sample_is_read_with_the_same_meaning(file: Path) -> None:
    contracts = find_contracts(file)
    assert contracts, "a version that was published is still read"
    for contract in contracts:
        read = contract.model_validate_json(file.read_bytes()).model_dump(
            mode="json", by_alias=True
        )
        assert MEANINGS[name(file)].items() <= read.items()


@pytest.mark.parametrize("file", FILES, ids=name)
def test_what_we_send_is_written_as_in_its_sample(file: Path) -> None:
    for contract in find_contracts(file):
        if get_direction(contract) == "sent":
            event = contract.model_validate_json(file.read_bytes())
            written = json.loads(event.model_dump_json(by_alias=True, exclude_none=True))
            assert json.loads(file.read_text("utf-8")).items() <= written.items()


@pytest.mark.parametrize("contract", EVENTS, ids=lambda event: event.__name__)
def test_every_event_has_a_sample_with_all_members_and_one_with_the_fewest(
    contract: type[Event],
) -> None:
    schema = build_schema(contract, get_direction(contract))
    exclusive = EXCLUSIVE.get(contract.type, set())
    assert get_sample(contract).keys() == schema["properties"].keys() - exclusive
    needed = {*schema["required"], *ONE_OF_SEVERAL.get(contract.type, ())}
    assert get_sample(contract, "minimal").keys() == needed


def test_every_meaning_has_its_sample() -> None:
    assert MEANINGS.keys() == {name(file) for file in FILES}
