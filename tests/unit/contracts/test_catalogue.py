from shared.contracts.catalogue import contracts
from shared.contracts.message import MessageReceived, MessageRefused, MessageStored
from shared.topics import TOPICS


def test_events_are_found_by_their_topic() -> None:
    assert contracts()["message.received"] == (MessageReceived,)
    assert contracts()["message.stored"] == (MessageRefused, MessageStored)


def test_every_topic_of_an_event_is_one_that_apply_creates() -> None:
    assert contracts().keys() <= {topic.name for topic in TOPICS}


def test_a_topic_is_ours_alone_where_its_events_are_and_where_only_we_tell() -> None:
    ours = {topic.name for topic in TOPICS if topic.ours_alone}
    events = {event for events in contracts().values() for event in events}
    assert {event.topic for event in events if event.ours_alone} <= ours
    assert not ours & {"message.received", "campaign.send", "tickets.requests"}


def test_no_two_events_share_a_type() -> None:
    types = [event.ce_type() for events in contracts().values() for event in events]
    assert len(types) == len(set(types))
