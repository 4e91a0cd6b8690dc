"""The published schemas: `python -m shared.event_docs.baseline` adds allowed changes to them."""

import json
import sys
from typing import Final

from shared.event_docs.compatibility import Baseline, build_baseline, find_breaks
from shared.event_docs.samples import FOLDER

FILE: Final = FOLDER / "baseline.json"


def load() -> Baseline:
    """Return the schemas as they were published."""
    baseline: Baseline = json.loads(FILE.read_text("utf-8"))
    return baseline


def build_text(baseline: Baseline) -> str:
    """Return the text of the file: an event on each line."""
    lines = [f"{json.dumps(name)}: {json.dumps(event)}" for name, event in baseline.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the file, or exit with the changes that a version does not allow."""
    now = build_baseline()
    if FILE.exists() and (breaks := find_breaks(load(), now)):
        sys.exit("\n".join(breaks))
    FILE.write_text(build_text(now), "utf-8")


if __name__ == "__main__":
    main()
