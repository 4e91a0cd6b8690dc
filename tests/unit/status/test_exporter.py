"""The metrics of a deployment, parsed as Prometheus parses them."""

import asyncio

from shared.delivery.health.http_server import serve_http
from shared.metrics.catalogue import OF_THE_DEPLOYMENT
from shared.schema import SERVICES
from shared.status.exporter import Exporter, render_status
from shared.status.figures import (
    DeadLetterCount,
    DeferredCompany,
    LineCount,
    PurgeProgress,
    QuarantinedLine,
    Server,
    Stage,
    Status,
    WorkerStatus,
)
from tests.support.probes import free_port, read_samples, scrape
from tests.support.statuses import NOON, build_status, build_worker

BUSY = build_status(
    stages=(Stage("contacts", "message.received", 5, 61.5),),
    workers=(build_worker(), build_worker(state=WorkerStatus.GONE)),
    deferred=(DeferredCompany("contacts", "7", 100), DeferredCompany("contacts", "8", 1)),
    quarantines=(QuarantinedLine("messages", "1:10", "too-deep", NOON),),
    dead_letters=(
        DeadLetterCount("contacts", "poison", 2),
        DeadLetterCount("contacts", "of a later version", 3),
        DeadLetterCount("contacts", "of another one", 4),
    ),
    oldest_unsent_s=12.5,
    lines=(LineCount("CONNECTED", 3), LineCount("", 1), LineCount("asleep", 2)),
    purges=(PurgeProgress(1, 12, "Companies", NOON, 5),),
)


def read(status: Status) -> dict[str, float]:
    return read_samples(render_status(status).decode())


def test_every_figure_is_a_metric() -> None:
    samples = read(BUSY)
    stage = '{service="contacts",topic="message.received"}'
    assert samples[f"chatia_backlog_records{stage}"] == 5
    assert samples[f"chatia_lateness_seconds{stage}"] == 61.5
    assert samples['chatia_group_members{service="contacts"}'] == 1
    assert samples['chatia_workers{service="tickets",state="ok"}'] == 1
    assert samples['chatia_workers{service="tickets",state="gone"}'] == 1
    assert samples['chatia_deferred_companies{service="contacts"}'] == 2
    assert samples['chatia_quarantined_lines{service="messages"}'] == 1
    assert samples['chatia_dead_letters{reason="poison",service="contacts"}'] == 2
    assert samples["chatia_oldest_unsent_message_seconds"] == 12.5
    assert samples['chatia_lines{state="CONNECTED"}'] == 3
    assert samples["chatia_purges_under_way"] == 1
    assert samples['chatia_server_up{server="kafka"}'] == 1


def test_values_outside_the_closed_lists_share_a_sample() -> None:
    samples = read(BUSY)
    assert samples['chatia_dead_letters{reason="other",service="contacts"}'] == 7
    assert samples['chatia_lines{state="other"}'] == 3


def test_no_label_names_a_company_or_a_line() -> None:
    assert not any('"7"' in name or "1:10" in name or '"12"' in name for name in read(BUSY))


def test_series_do_not_end_at_0() -> None:
    samples = read(build_status())
    assert samples['chatia_lines{state="DISCONNECTED"}'] == 0
    assert samples['chatia_workers{service="messages",state="degraded"}'] == 0
    assert samples['chatia_quarantined_lines{service="contacts"}'] == 0
    assert samples["chatia_oldest_unsent_message_seconds"] == 0


def test_the_figures_of_a_server_that_does_not_answer_are_missing_and_not_0() -> None:
    down = Server("Postgres", "no answer in time")
    stages = (Stage("contacts", "message.received", None, None),)
    samples = read(build_status(postgres=down, stages=stages, oldest_unsent_s=None))
    members = {f'chatia_group_members{{service="{service}"}}': 1.0 for service in SERVICES}
    servers = {'chatia_server_up{server="kafka"}': 1, 'chatia_server_up{server="postgres"}': 0}
    assert samples == members | servers


def test_only_metrics_of_the_list_are_exported() -> None:
    names = {name.partition("{")[0] for name in read(BUSY)}
    assert names == {metric.name for metric in OF_THE_DEPLOYMENT}


async def test_scrapes_at_the_same_time_share_one_reading() -> None:
    readings: list[Status] = []

    async def read_slowly() -> Status:
        readings.append(BUSY)
        await asyncio.sleep(0.05)
        return BUSY

    port = free_port()
    async with serve_http(Exporter(read_slowly), port, "--port"):
        scrapes = [asyncio.to_thread(scrape, port) for _ in range(3)]
        found = await asyncio.gather(*scrapes)
    assert [samples["chatia_purges_under_way"] for samples in found] == [1, 1, 1]
    assert len(readings) == 1
