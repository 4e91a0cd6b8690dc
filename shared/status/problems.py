"""What needs an operator, as sentences. No clock, no Kafka, no database."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.schema import SERVICES
from shared.status.figures import Status, WorkerFigures, WorkerStatus

SILENT_S = 30.0  # workers report every five seconds


@dataclass(frozen=True)
class Limits:
    """What is tolerated: ages in seconds, and open dead letters (None: any number)."""

    lateness_s: float = 60
    unsent_s: float = 600
    dead_letters: int | None = None


def find_problems(status: Status, limits: Limits) -> list[str]:
    """Return a sentence for each thing that needs an operator, servers first; empty if all is well.

    Workers that are gone need nobody while others of their service work.
    """
    return [
        *(f"{s.name} gives no figures: {s.problem}." for s in (status.kafka, status.postgres)
          if not s.is_up),
        *_find_missing_workers(status),
        *(_describe_worker(w) for w in status.workers if w.state is WorkerStatus.DEGRADED),
        *_find_silent_workers(status),
        *(
            f"{q.service} does not read records of line {q.line}: {q.reason}; `chatia resume`."
            for q in status.quarantines
        ),
        *_find_held_sends(status),
        *_find_late(status, limits),
        *_find_dead_letters(status, limits),
    ]  # fmt: skip


def _find_missing_workers(status: Status) -> Iterator[str]:
    for service in SERVICES:
        members = status.members.get(service)
        if members is None and status.postgres.is_up:
            members = _count_present(w for w in status.workers if w.service == service)
        if members == 0:
            yield f"No worker of {service} runs."


def _count_present(workers: Iterable[WorkerFigures]) -> int:
    return sum(worker.state is not WorkerStatus.GONE for worker in workers)


def _describe_worker(worker: WorkerFigures) -> str:
    name = f"The {worker.service} worker at {worker.host} (process {worker.process_id})"
    others = "".join(f" Halted: {problem}." for problem in worker.halted[1:])
    return f"{name} is {worker.status}.{others}"


def _find_silent_workers(status: Status) -> Iterator[str]:
    """Yield a sentence for each member of a group that does not write its report."""
    if not status.postgres.is_up:
        return
    for worker in status.workers:
        age_s = worker.report_age_s
        if worker.state is WorkerStatus.UNREPORTED:
            since = "has written no report"
        elif worker.state is WorkerStatus.OK and age_s is not None and age_s > SILENT_S:
            since = f"has written no report for {age_s:.0f} s"
        else:
            continue
        yield (
            f"A {worker.service} worker at {worker.host} {since}: it waits, and its log and /ready "
            "say for what; `chatia db doctor` examines the database."
        )


def _find_held_sends(status: Status) -> Iterator[str]:
    if since := status.sends_held_since:
        yield f"Sends are held since {since:%Y-%m-%d %H:%M:%S} UTC; `chatia sends resume`."


def _find_late(status: Status, limits: Limits) -> Iterator[str]:
    for stage in status.stages:
        if stage.lateness_s is not None and stage.lateness_s > limits.lateness_s:
            yield f"{stage.service} is {stage.lateness_s:.0f} s late in {stage.topic}."
    if (status.oldest_unsent_s or 0) > limits.unsent_s:
        yield f"The oldest unsent message waits for {status.oldest_unsent_s:.0f} s."


def _find_dead_letters(status: Status, limits: Limits) -> Iterator[str]:
    total = sum(each.count for each in status.dead_letters)
    if limits.dead_letters is not None and total > limits.dead_letters:
        yield f"{total} dead letters are open; `chatia dead-letters list`."
