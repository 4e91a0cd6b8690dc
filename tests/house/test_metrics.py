"""The page of metrics names every metric of the closed list, and no other."""

import re
import tomllib

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

from shared.delivery.batch.triage import Count
from shared.delivery.health.status import WaitsFor
from shared.gateways.senders.outgoing import ErrorClass
from shared.metrics import catalogue, instruments
from shared.metrics.catalogue import OF_THE_DEPLOYMENT, OF_WORKERS, Kind, Metric
from shared.version import VERSION
from tests.support.sources import ROOT

ALL = (*OF_WORKERS, *OF_THE_DEPLOYMENT)
PAGE = ROOT / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(chatia_\w+)` \|.*$", re.MULTILINE)
NAME = re.compile(r"chatia(_[a-z]+)+")
NAME_IN_QUERY = re.compile(r"\bchatia_\w+")
UNITS = {"seconds": "_seconds"}  # base units, which names end with
CLOSED_LABELS = {
    "service", "topic", "reason", "state", "server", "outcome", "result", "code", "version",
}  # fmt: skip


def list_rows(page: str) -> dict[str, str]:
    """Return the row of each metric."""
    return {match[1]: match[0] for match in ROW.finditer(page)}


def build_row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
    cells = (f"`{metric.name}`", metric.kind.value, metric.unit, labels, metric.meaning)
    return f"| {' | '.join(cells)} |"


def find_badly_named(metric: Metric) -> bool:
    """Return whether a name breaks Prometheus' conventions."""
    is_total = metric.name.endswith("_total")
    unit = UNITS.get(metric.unit, "")
    return (
        not NAME.fullmatch(metric.name)
        or is_total is not (metric.kind is Kind.COUNTER)
        or not metric.name.removesuffix("_total").endswith(unit)
    )


def test_the_page_describes_each_metric_as_the_list_does() -> None:
    assert list_rows(PAGE.read_text("utf-8")) == {metric.name: build_row(metric) for metric in ALL}


def test_each_metric_is_listed_once() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)


def test_names_have_base_units_and_counters_end_with_total() -> None:
    assert [metric.name for metric in ALL if find_badly_named(metric)] == []


def test_labels_are_of_the_closed_list() -> None:
    assert {label for metric in ALL for label in metric.labels} <= CLOSED_LABELS


def test_a_worker_has_exactly_the_metrics_of_the_list() -> None:
    registered = {
        f"{found.name}_total" if found.type == "counter" else found.name: found.type
        for found in instruments.REGISTRY.collect()
    }
    assert registered == {metric.name: metric.kind.value for metric in OF_WORKERS}


def test_the_values_of_labels_are_those_of_the_code() -> None:
    assert set(catalogue.OUTCOMES) == {count.value for count in Count} - {Count.FACTS.value}
    meaning = catalogue.WAITING.meaning
    assert all(f"`{cause.name.lower()}`" in meaning for cause in WaitsFor)
    assert all(f"`{result.value}`" in catalogue.SENDS.meaning for result in ErrorClass)


def test_alerts_are_about_metrics_of_the_list() -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert all({"alert", "expr", "annotations", "labels"} <= rule.keys() for rule in rules)
    named = {name for rule in rules for name in NAME_IN_QUERY.findall(rule["expr"])}
    assert named
    assert named <= {metric.name for metric in ALL}


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION


@pytest.mark.parametrize(
    ("name", "kind", "unit"),
    [
        ("chatia_batches", Kind.COUNTER, "batches"),
        ("chatia_backlog_total", Kind.GAUGE, "records"),
        ("chatia_lateness_ms", Kind.GAUGE, "seconds"),
        ("chatia_Lines", Kind.GAUGE, "lines"),
        ("lines", Kind.GAUGE, "lines"),
    ],
)
def test_a_planted_bad_name_is_found(name: str, kind: Kind, unit: str) -> None:
    assert find_badly_named(Metric(name, kind, unit, (), "made up"))


def test_a_planted_row_is_found() -> None:
    assert list_rows("| `chatia_x_total` | counter | x | none | y |\n`chatia_y`\n") == {
        "chatia_x_total": "| `chatia_x_total` | counter | x | none | y |"
    }
