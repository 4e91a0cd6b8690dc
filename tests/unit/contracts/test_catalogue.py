from shared.contracts.catalogue import contracts
from shared.contracts.message import (
    MessageReceived,
    MessageRefused,
    MessagesMoved,
    MessagesSeen,
    MessageStored,
    MessageUpdated,
)
from shared.topics import TOPICS


def test_events_are_found_by_their_topic() -> None:
    assert contracts()["message.received"] == (MessageReceived,)
    assert set(contracts()["message.stored"]) == {
        MessagesMoved,
        MessagesSeen,
        MessageRefused,
        MessageStored,
        MessageUpdated,
    }


def test_every_topic_of_an_event_is_one_that_apply_creates() -> None:
    assert contracts().keys() <= {topic.name for topic in TOPICS}


def test_topics_that_only_our_services_write_have_a_limit_of_their_own() -> None:
    limited = {topic.name for topic in TOPICS if topic.max_message_bytes}
    events = {event for events in contracts().values() for event in events}
    assert {event.topic for event in events if event.ours_alone} <= limited
    assert not limited & {"message.received", "campaign.send", "tickets.requests"}


def test_no_two_events_of_a_topic_share_a_type() -> None:
    types = [(event.topic, event.ce_type()) for events in contracts().values() for event in events]
    assert len(types) == len(set(types))
