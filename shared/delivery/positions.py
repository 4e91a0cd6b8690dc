"""What a worker believes of its partitions, and which records fit to it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from aiokafka import TopicPartition

from shared.delivery.continuity import Remembered
from shared.delivery.decode import Record

Aside = Mapping[str, Sequence[int]]  # as "Checkpoints".aside


class Fit(Enum):
    """How the first record in hand stands to what was read before it."""

    FOLLOWS = auto()
    AFTER_A_GAP = auto()
    SKIPPED_SOME = auto()
    BEHIND = auto()
    OTHER_LOG = auto()


@dataclass(slots=True)
class Position:
    """Where a worker stands in a partition.

    `sought`: nothing was read since a seek, so the first record may be any. `remembered` is
    compared with what is first read after a taking over. `gap_to` is where a gap was last seen to
    end. `untold`: its facts may not be acknowledged. `outbox`: its row still holds facts. `aside`
    and `skipped` are what its row last said.
    """

    next_offset: int
    remembered: Remembered | None = None
    sought: bool = True
    gap_to: int | None = None
    untold: bool = False
    outbox: bool = False
    aside: Aside = field(default_factory=dict)
    skipped: Sequence[int] = ()

    @property
    def reads_from(self) -> int:
        """Give the offset to seek to: the remembered record is read once more, to be compared."""
        return self.remembered.offset if self.remembered else self.next_offset

    def fit(self, first: Record) -> Fit:
        """Judge records by their first, once: what follows a seek is trusted only one time.

        Logs have natural gaps, but so has what is left of a batch that went astray: a gap is
        believed when a seek to its beginning finds its end where it was before. Records behind us
        without a seek may be of another log.
        """
        remembered, self.remembered = self.remembered, None
        sought, self.sought = self.sought, False
        gap_to, self.gap_to = self.gap_to, first.offset
        if remembered and remembered.is_of_another_log(first):
            return Fit.OTHER_LOG
        if first.offset > self.next_offset:
            return Fit.AFTER_A_GAP if sought and gap_to == first.offset else Fit.SKIPPED_SOME
        if first.offset < self.next_offset and not sought:
            return Fit.BEHIND
        return Fit.FOLLOWS


class Positions:
    """The partitions that this worker has taken over, by where it stands in them."""

    def __init__(self) -> None:
        self._at: dict[TopicPartition, Position] = {}

    def __getitem__(self, place: TopicPartition) -> Position:
        return self._at[place]

    def __setitem__(self, place: TopicPartition, position: Position) -> None:
        self._at[place] = position

    def __iter__(self) -> Iterator[TopicPartition]:
        return iter(list(self._at))

    def forget(self, places: Iterable[TopicPartition]) -> None:
        """Take these over again before anything else is done with them."""
        for place in set(places):
            self._at.pop(place, None)

    def lost(self, places: Iterable[TopicPartition]) -> set[TopicPartition]:
        """Give those that have to be taken over first."""
        return {p for p in places if p not in self._at or self._at[p].untold}

    def known(self) -> dict[TopicPartition, Position]:
        """Give what is believed now, to be compared later."""
        return dict(self._at)

    def moved_since(self, known: Mapping[TopicPartition, Position]) -> set[TopicPartition]:
        """Give those that were let go or taken over, which seeks, since that was believed."""
        return {p for p in known.keys() | self._at.keys() if known.get(p) is not self._at.get(p)}

    def at_most(self, place: TopicPartition, offset: int) -> int:
        """Give the offset, or where we stand if that is before it."""
        return min(offset, self._at[place].next_offset) if place in self._at else offset

    def committed(
        self, next_offsets: Mapping[TopicPartition, int], aside: Mapping[TopicPartition, Aside]
    ) -> None:
        """Note what a transaction stored; its facts are still to be told."""
        for place, next_offset in next_offsets.items():
            position = self._at[place]
            position.next_offset, position.untold, position.outbox = next_offset, True, True
            position.aside = aside.get(place, {})

    def stand_aside(self, aside: Mapping[TopicPartition, Aside]) -> None:
        """Note what the rows say of records that stand aside."""
        for place, stored in aside.items():
            self._at[place].aside = stored

    def tried_again(self, places: Iterable[TopicPartition]) -> None:
        """Note that the same records are in hand once more, as if they came after a seek."""
        for place in places:
            if place in self._at:
                self._at[place].sought = True

    def told(self, places: Iterable[TopicPartition]) -> None:
        """Note that Kafka has acknowledged their facts."""
        for place in places:
            self._at[place].untold = False

    def told_outboxes(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Give those whose rows hold facts that are all acknowledged, with their offsets."""
        return {
            place: self._at[place].next_offset
            for place in places
            if place in self._at and self._at[place].outbox and not self._at[place].untold
        }

    def cleared(self, places: Iterable[TopicPartition]) -> None:
        """Note that their rows hold no facts any more."""
        for place in places:
            if place in self._at:
                self._at[place].outbox = False


def by_place(records: Iterable[Record]) -> dict[TopicPartition, list[Record]]:
    """Sort records by their partition, each partition's in their order."""
    found: defaultdict[TopicPartition, list[Record]] = defaultdict(list)
    for record in records:
        found[TopicPartition(record.topic, record.partition)].append(record)
    return {**found}


def first_offsets(records: Iterable[Record]) -> dict[TopicPartition, int]:
    """Give where each partition's records in hand begin."""
    first: dict[TopicPartition, int] = {}
    for record in records:
        first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
    return first


def without(
    portions: Iterable[Sequence[Record]], places: Iterable[TopicPartition]
) -> list[Sequence[Record]]:
    """Return portions without the records of some partitions; those that are empty are left out."""
    gone = set(places)
    kept = [[r for r in p if TopicPartition(r.topic, r.partition) not in gone] for p in portions]
    return [portion for portion in kept if portion]
