"""The golden samples: bodies of events, for documents and for `chatia events sample`.

They are files in `tests/data/events/`. `shared/event_docs/samples.json` is a copy of them, because
an installed package has no tests.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from shared.contracts.base import Event

FOLDER: Final = Path(__file__).parents[2] / "tests" / "data" / "events"
COPY: Final = Path(__file__).with_name("samples.json")
COMPLETE, MINIMAL = "complete", "minimal"

Body = dict[str, Any]


def get_sample(contract: type[Event], name: str = COMPLETE) -> Body:
    """Return the body of a sample; raises KeyError if the event has none of this name."""
    sample: Body = _load_copy()[build_folder_name(contract)][name]
    return sample


def list_names(contract: type[Event]) -> list[str]:
    """Return the names of the samples of an event, in alphabetical order."""
    return sorted(_load_copy()[build_folder_name(contract)])


def build_folder_name(contract: type[Event]) -> str:
    """Return the folder of an event's samples: type and version, `message.received.v1`."""
    return f"{contract.type}.v{contract.major}"


def build_copy() -> str:
    """Return the text of the copy: all samples of all events, each on one line."""
    events = [
        f" {json.dumps(folder.name)}: {{\n" + ",\n".join(_build_lines(folder)) + "\n }"
        for folder in sorted(FOLDER.iterdir())
        if folder.is_dir()
    ]
    return "{\n" + ",\n".join(events) + "\n}\n"


def _build_lines(folder: Path) -> list[str]:
    return [
        f"  {json.dumps(file.stem)}: "
        + json.dumps(json.loads(file.read_text("utf-8")), ensure_ascii=False)
        for file in sorted(folder.glob("*.json"))
    ]


@cache
def _load_copy() -> dict[str, dict[str, Body]]:
    copies: dict[str, dict[str, Body]] = json.loads(COPY.read_text("utf-8"))
    return copies
