"""How far a poll may go with what was fetched."""

from dataclasses import dataclass, field
from math import inf
from weakref import ReferenceType, ref


class Room:
    """Place for one batch that is cut: its decoder and its buffer take megabytes."""

    def __init__(self) -> None:
        self._taken: ReferenceType[object] | None = None

    @property
    def is_free(self) -> bool:
        """Return whether no batch is being cut."""
        return self._taken is None or self._taken() is None

    def take(self, cutter: object) -> bool:
        """Give the place to a batch if it is free, until the batch is dropped."""
        if not self.is_free:
            return False
        self._taken = ref(cutter)
        return True


@dataclass(slots=True)
class Turn:
    """What a poll may still hand over and uncompress of large batches, in bytes."""

    records: float = inf
    work: float = inf
    room: Room = field(default_factory=Room)
