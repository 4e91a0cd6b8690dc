"""The id and version of a worker, which it tells its consumer group (KIP-54's user data).

All members keep the same client id, assignor and protocol version, so members of another version
of this program, which tell nothing, share a group with them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class MemberIdentity:
    """The id of a worker process, as in "Workers", and its version."""

    worker_id: str = ""
    version: str = ""


def build_assignor(identity: MemberIdentity) -> type[RoundRobinPartitionAssignor]:
    """Return aiokafka's default assignor, which also tells the group the identity of its member."""
    user_data = json.dumps({"worker": identity.worker_id, "version": identity.version}).encode()

    class IdentifyingAssignor(RoundRobinPartitionAssignor):
        @classmethod
        @override
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), user_data)

    return IdentifyingAssignor


def read_identity(user_data: bytes | None) -> MemberIdentity:
    """Return the identity in a member's user data, an empty one if there is none."""
    try:
        told = json.loads(user_data or b"{}")
    except ValueError:
        return MemberIdentity()
    if not isinstance(told, dict):
        return MemberIdentity()
    return MemberIdentity(str(told.get("worker", "")), str(told.get("version", "")))
