"""What a worker process says about itself: as metrics, and in its row of "Workers"."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.delivery.health.halted_partitions import EVERYTHING
from shared.delivery.health.status import Health, WaitsFor, find_worst
from shared.metrics import instruments
from shared.version import VERSION


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The state of a worker process at one moment; `partitions` are those assigned to it."""

    service: str
    status: str
    waits_for: frozenset[WaitsFor]
    halted: Mapping[str, str]  # the problem of each halted partition
    partitions: int

    @property
    def halted_partitions(self) -> int:
        """How many partitions are not read until an operator decides."""
        return self.partitions if EVERYTHING in self.halted else len(self.halted)


def build_state(service: str, healths: Iterable[Health], partitions: int) -> WorkerState:
    """Combine the health of the parts of a process."""
    parts = list(healths)
    return WorkerState(
        service,
        find_worst(part.status for part in parts),
        frozenset(part.waits_for for part in parts if part.waits_for),
        {name: problem for part in parts for name, problem in part.halted.items()},
        partitions,
    )


def render_metrics(state: WorkerState) -> bytes:
    """Set the gauges to a state, and return all metrics of the process."""
    instruments.BUILD.labels(state.service, VERSION).set(1)
    instruments.ASSIGNED.labels(state.service).set(state.partitions)
    instruments.HALTED.labels(state.service).set(state.halted_partitions)
    for cause in WaitsFor:
        is_awaited = cause in state.waits_for
        instruments.WAITING.labels(state.service, cause.name.lower()).set(is_awaited)
    return instruments.render()
