"""The generated files are as the contracts are, and load nothing from elsewhere."""

import json
import re
from pathlib import Path

import pytest

from shared.contracts.catalogue import load_contracts
from shared.event_docs import asyncapi
from shared.event_docs.files import DOCS, FILES
from shared.event_docs.topics_page import build_anchor

EVENTS = [event for events in load_contracts().values() for event in events]
LOADS = re.compile(r"""(?:src|href)=["'](?!#)|@import|url\(""")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_generated_file_is_as_the_contracts_are(path: Path) -> None:
    assert path.read_text("utf-8") == FILES[path](), "run `python -m shared.event_docs`"


def test_the_html_page_loads_nothing() -> None:
    page = (DOCS / "topics.html").read_text("utf-8")
    links = set(LOADS.findall(page))
    assert "<script" not in page
    assert {found for found in links if found != 'href="'} == set()
    relative = set(re.findall(r'href="([^#"][^"]*)"', page))
    of_dead_letters = {"dead-letters.md", "dead-letters.md#reasons"}
    assert relative == {"asyncapi.json", "versioning.md", "events.md", *of_dead_letters}


def test_both_pages_have_every_event_and_every_anchor() -> None:
    text, page = ((DOCS / f"topics.{kind}").read_text("utf-8") for kind in ("md", "html"))
    for event in EVENTS:
        heading = f"{event.type} on {event.topic}"
        assert f"\n### {heading}\n" in text
        assert f'id="{build_anchor(heading)}"' in page
    links = set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"\]\(#([^)]+)\)", text))
    assert links <= set(re.findall(r'id="([^"]+)"', page))


def test_the_document_has_a_message_and_a_schema_for_every_event() -> None:
    components = json.loads(asyncapi.build_text())["components"]
    names = {event.__name__ for event in EVENTS}
    assert components["messages"].keys() == components["schemas"].keys() == names


def test_the_document_says_who_sends_and_who_receives() -> None:
    operations = asyncapi.build_document()["operations"]
    assert operations["contacts.receive.message.received"] == {
        "action": "receive",
        "channel": {"$ref": "#/channels/message.received"},
        "tags": [{"name": "contacts"}],
        "messages": [{"$ref": "#/channels/message.received/messages/chatia.message.received.v1"}],
        "bindings": {
            "kafka": {
                "groupId": {"type": "string", "enum": ["chatia.contacts"]},
                "bindingVersion": "0.5.0",
            }
        },
    }
    assert operations["messages.send.message.received"]["action"] == "send"


def test_headers_are_required_of_us_and_from_outside_only_where_they_decide() -> None:
    required = {event: asyncapi.build_headers_schema(event)["required"] for event in EVENTS}
    by_type = {event.ce_type(): names for event, names in required.items()}
    assert by_type["chatia.message.received.v1"] == []
    assert by_type["chatia.ticket.close.v1"] == ["ce_type"]
    assert "ce_source" in by_type["chatia.ticket.closed.v1"]
