"""The remaining byte budget of a poll."""

from dataclasses import dataclass, field
from math import inf
from weakref import ReferenceType, ref


class LargeBatchSlot:
    """Allows a consumer to read only one large batch in slices at a time, to limit memory."""

    def __init__(self) -> None:
        self._holder: ReferenceType[object] | None = None

    @property
    def is_free(self) -> bool:
        """Whether no batch is being read in slices."""
        return self._holder is None or self._holder() is None

    def take(self, slicer: object) -> bool:
        """Take the slot until the slicer is dropped; return False if it is not free."""
        if not self.is_free:
            return False
        self._holder = ref(slicer)
        return True


@dataclass(slots=True)
class PollBudget:
    """Remaining bytes of a poll: of returned records, and of large batches to decompress."""

    record_bytes: float = inf
    work_bytes: float = inf
    large_batch_slot: LargeBatchSlot = field(default_factory=LargeBatchSlot)
