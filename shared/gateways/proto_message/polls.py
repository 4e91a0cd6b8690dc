"""The content of polls: their question and options; votes are in `poll_votes.py`."""

from shared.gateways.normalize.json_values import JsonObject, join_lines, read_objects, read_text
from shared.gateways.normalize.outcome import TypeAndBody


def read_poll(poll: JsonObject) -> TypeAndBody | None:
    """Return a poll's question and its options, one per line."""
    options = (read_text(option, "optionName") for option in read_objects(poll.get("options")))
    body = join_lines(read_text(poll, "name"), *options)
    return ("pollCreationMessageV3", body) if body else None
