"""The payloads that gateways are tested with: ours, and public ones where they are at hand."""

import json
from pathlib import Path

from pydantic import JsonValue

from shared.gateways.reading import JsonObject, mapping

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "gateways"
PUBLIC = ROOT.parent / "shared" / "payloads"


def read(path: Path) -> JsonObject:
    content: JsonValue = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def own(gateway: str) -> dict[str, JsonObject]:
    return {path.stem: read(path) for path in sorted((DATA / gateway).glob("*.json"))}


def public(gateway: str) -> dict[str, JsonObject]:
    """Empty where the public samples are not beside the repository."""
    found = {path.name: read(path) for path in sorted((PUBLIC / gateway).glob("*.json"))}
    return {name: mapping(payload, "value") or payload for name, payload in found.items()}
