from shared.contracts.catalogue import load_contracts
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
    assert load_contracts()["message.received"] == (MessageReceived,)
    assert set(load_contracts()["message.stored"]) == {
        MessagesMoved,
        MessagesSeen,
        MessageRefused,
        MessageStored,
        MessageUpdated,
    }


def test_topics_apply_creates_every_topic_of_an_event() -> None:
    assert load_contracts().keys() <= {topic.name for topic in TOPICS}


def test_topics_that_only_our_services_write_have_a_limit_of_their_own() -> None:
    limited = {topic.name for topic in TOPICS if topic.max_message_bytes}
    events = {event for events in load_contracts().values() for event in events}
    assert {event.topic for event in events if event.ours_alone} <= limited
    assert not limited & {"message.received", "campaign.send", "tickets.requests"}


def test_no_two_events_of_a_topic_share_a_type() -> None:
    types = [
        (event.topic, event.ce_type()) for events in load_contracts().values() for event in events
    ]
    assert len(types) == len(set(types))
