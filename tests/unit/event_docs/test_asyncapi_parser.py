"""AsyncAPI's own parser reads the document; it is downloaded once."""

import json
from pathlib import Path

import pytest

from shared.contracts.catalogue import load_contracts
from shared.event_docs.files import DOCS
from tests.support import asyncapi_parser
from tests.support.asyncapi_parser import ParserNotInstalledError

DOCUMENT = json.loads((DOCS / "asyncapi.json").read_text("utf-8"))


def test_the_document_is_valid_and_all_its_messages_are_found() -> None:
    found = asyncapi_parser.check(json.dumps(DOCUMENT))
    types = [event.ce_type() for events in load_contracts().values() for event in events]
    assert found["wrong"] == []
    assert sorted(found["messages"]) == sorted(types)


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        pytest.param(DOCUMENT | {"info": {}}, "info", id="no title"),
        pytest.param(
            DOCUMENT | {"operations": {"x": {"action": "send", "channel": {"$ref": "#/no"}}}},
            "operations/x/channel",
            id="a channel that does not exist",
        ),
        pytest.param(
            DOCUMENT | {"channels": {"x": {"address": 1}}}, "channels/x/address", id="no address"
        ),
    ],
)
def test_a_planted_mistake_is_found(broken: object, place: str) -> None:
    wrong = asyncapi_parser.check(json.dumps(broken))["wrong"]
    assert any(found.startswith(place) for found in wrong), wrong


def test_a_parser_that_cannot_be_installed_is_a_clear_failure(tmp_path: Path) -> None:
    unreachable = ("--registry=http://127.0.0.1:1", "--fetch-retries=0", f"--cache={tmp_path}")
    with pytest.raises(ParserNotInstalledError, match="npm cannot install @asyncapi/parser"):
        asyncapi_parser.install(tmp_path, *unreachable)
    assert list((tmp_path / "asyncapi").iterdir()) == []


def test_the_lock_has_a_hash_for_every_package_and_names_no_host() -> None:
    lock = json.loads((asyncapi_parser.SOURCE / "package-lock.json").read_text("utf-8"))
    packages = [each for name, each in lock["packages"].items() if name]
    assert all(each["integrity"].startswith("sha512-") for each in packages)
    assert not any("resolved" in each for each in packages)
