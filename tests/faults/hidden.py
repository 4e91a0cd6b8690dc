"""Placeholders of a round's messages: the same wid, without the content, before or after it.

The rows expected are those of the contents, whatever comes first.
"""

from collections.abc import Sequence
from random import Random

from shared.contracts.message import PLACEHOLDERS
from shared.dev.demo.companies import DemoRows
from shared.dev.demo.conversations import SampleMessage
from shared.dev.demo.normalized_events import build_message_received
from shared.dev.demo.records import SampleRecord, Topics, build_own_record

HIDDEN_SHARE = 0.15  # of messages


def write(
    random: Random, stage: DemoRows, topics: Topics, said: Sequence[SampleMessage]
) -> tuple[SampleRecord, ...]:
    """Build placeholders of some messages; the same random source gives the same."""
    kept = [one for one in said if one.line.allow_group or not one.is_group]
    chosen = random.sample(kept, max(1, round(len(kept) * HIDDEN_SHARE)))
    return tuple(_build_record(random, one, stage, topics) for one in chosen)


def _build_record(
    random: Random, one: SampleMessage, stage: DemoRows, topics: Topics
) -> SampleRecord:
    members = {
        "body": "",
        "media_type": random.choice(sorted(PLACEHOLDERS)),
        "media_url": None,
        "quoted_wid": None,
    }
    message = build_message_received(one, stage.lines[one.line.instance])
    hidden = message.model_copy(update=members)
    return build_own_record(topics, hidden, f"hidden/{one.wid}", one.at)
