import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from shared.delivery.kafka.member_identity import MemberIdentity, build_assignor, read_identity

OURS = MemberIdentity("5d0c", "1.2.3")


def pass_on(identity: MemberIdentity) -> ConsumerProtocolMemberMetadata:
    """Encode what a member tells, and decode it as another member or a command does."""
    told = build_assignor(identity).metadata(["a", "b"])
    return ConsumerProtocolMemberMetadata.decode(told.encode())


def test_a_member_tells_its_identity_beside_its_topics() -> None:
    told = pass_on(OURS)
    assert told.subscription == ["a", "b"]
    assert read_identity(told.user_data) == OURS


@pytest.mark.parametrize("user_data", [None, b"", b"\xff", b"{", b"[]", b"7", b"{}"], ids=repr)
def test_members_of_other_versions_have_no_identity(user_data: bytes | None) -> None:
    assert read_identity(user_data) == MemberIdentity()


def test_members_with_and_without_an_identity_agree_on_the_protocol() -> None:
    ours, before = build_assignor(OURS), RoundRobinPartitionAssignor
    assert (ours.name, ours.version) == (before.name, before.version)
    members = {"new": pass_on(OURS), "old": before.metadata(["a"])}
    assert ours.assign(ClusterMetadata(), members) == before.assign(ClusterMetadata(), members)
