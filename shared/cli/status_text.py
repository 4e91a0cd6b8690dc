"""The status of a deployment as text for a terminal, and as JSON with stable names."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pydantic.alias_generators import to_camel
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shared.schema import SERVICES
from shared.status.figures import Status, WorkerFigures

UNKNOWN = "?"  # a server did not answer
FEW_PURGES = 10
SECONDS = re.compile("_s$")


def build_text(status: Status, problems: Sequence[str]) -> Group:
    """Return the problems, then a table for each kind of figure that there is."""
    verdict = f"{len(problems)} to look at" if problems else "all is well"
    parts: list[RenderableType] = [
        Text(f"{status.namespace} at {status.at:%Y-%m-%dT%H:%M:%SZ}: {verdict}", style="bold")
    ]
    parts += [Text(f"  {problem}", style="red") for problem in problems]
    for table in _build_tables(status):
        if table.row_count:
            parts += [Text(), table]
    parts += [Text(), Text(_describe_rest(status))]
    return Group(*parts)


def build_json(status: Status, problems: Sequence[str]) -> dict[str, Any]:
    """Return all figures with the names of the dataclasses in camel case, times as ISO 8601.

    Ages in seconds have names that end with `Seconds`.
    """
    figures: dict[str, Any] = _convert(asdict(status))
    figures["kafka"]["isUp"], figures["postgres"]["isUp"] = (
        status.kafka.is_up,
        status.postgres.is_up,
    )
    return {"isWell": not problems, "problems": list(problems), **figures}


def _convert(value: Any) -> Any:  # noqa: ANN401 - any value of a dataclass
    if isinstance(value, dict):
        return {to_camel(SECONDS.sub("_seconds", k)): _convert(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_convert(member) for member in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _build_tables(status: Status) -> Iterator[Table]:
    yield _build_table(
        ("service", "workers", "backlog", "late"),
        (_describe_service(status, service) for service in SERVICES),
    )
    yield _build_table(
        ("worker of", "host", "process", "version", "partitions", "state", "reported"),
        (_describe_worker(w, knows_reports=status.postgres.is_up) for w in status.workers),
    )
    yield _build_table(
        ("late in", "of", "backlog", "late"),
        (
            (stage.topic, stage.service, _format_count(stage.backlog), _format_s(stage.lateness_s))
            for stage in status.stages
            if stage.backlog or stage.lateness_s
        ),
    )
    yield _build_table(
        ("deferred company", "of", "records at most"),
        ((each.company, each.service, str(each.most_records)) for each in status.deferred),
    )
    yield _build_table(
        ("open dead letters of", "reason", "count"),
        ((each.service, each.reason, str(each.count)) for each in status.dead_letters),
    )
    yield _build_table(
        ("purge", "company", "of", "since", "rows deleted"),
        (
            (str(p.id), str(p.company_id), p.table, f"{p.since:%Y-%m-%dT%H:%MZ}", str(p.rows))
            for p in status.purges[:FEW_PURGES]
        ),
    )


def _build_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _describe_service(status: Status, service: str) -> tuple[str, ...]:
    stages = [stage for stage in status.stages if stage.service == service]
    backlogs = [stage.backlog for stage in stages if stage.backlog is not None]
    ages = [stage.lateness_s for stage in stages if stage.lateness_s is not None]
    members = status.members[service]
    return (
        service,
        _format_count(members),
        _format_count(sum(backlogs) if backlogs else None),
        _format_s(max(ages, default=None)),
    )


def _describe_worker(worker: WorkerFigures, *, knows_reports: bool) -> tuple[str, ...]:
    age_s, never = worker.report_age_s, "never" if knows_reports else UNKNOWN
    return (
        worker.service,
        worker.host,
        str(worker.process_id or UNKNOWN),
        worker.version or UNKNOWN,
        str(worker.partitions),
        worker.state.value,
        never if age_s is None else f"{age_s:.0f} s ago",
    )


def _describe_rest(status: Status) -> str:
    listed = ", ".join(f"{each.status or 'none'} {each.count}" for each in status.lines)
    lines = (listed or "no lines") if status.postgres.is_up else UNKNOWN
    purges = len(status.purges) if status.postgres.is_up else None
    return (
        f"lines by status: {lines}; "
        f"oldest unsent message: {_format_unsent(status.oldest_unsent_s)}; "
        f"purges under way: {_format_count(purges)}"
    )


def _format_count(count: int | None) -> str:
    return UNKNOWN if count is None else str(count)


def _format_unsent(seconds: float | None) -> str:
    return "none" if seconds == 0 else _format_s(seconds)


def _format_s(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"{seconds:.1f} s"
