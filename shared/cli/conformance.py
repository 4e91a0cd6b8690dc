"""`chatia conformance`: checks what the author of a gateway or of an endpoint has built."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

import httpx
import typer

from shared.cli import cluster, output
from shared.cli.conformance_output import print_report
from shared.cli.conformance_topic import topic_command
from shared.cli.errors import DependencyFailedError, InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.conformance.reader import open_reader
from shared.conformance.report import Report
from shared.conformance.webhook.case import Target
from shared.conformance.webhook.kinds import KINDS
from shared.conformance.webhook.player import Limits, WebhookPlayer
from shared.settings import Settings

app = typer.Typer(name="conformance", help="Check a gateway or an endpoint.", no_args_is_help=True)

app.command("topic")(topic_command)

TAKEN_TOPICS = ("gateway.received", "message.received", "message.changed", "connection.changed")


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Options with secrets; set them by their variables, since others see a process's arguments."""

    token: Annotated[
        str, typer.Option(envvar="CHATIA_CONFORMANCE_TOKEN", help="The token of the line.")
    ] = ""
    app_secret: Annotated[
        str,
        typer.Option(envvar="CHATIA_CONFORMANCE_APP_SECRET", help="Of Meta's app: cloud-api only."),
    ] = ""


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """Options of sizes and times."""

    max_bytes: Annotated[
        int, typer.Option(min=200_000, help="The largest body that the endpoint takes.")
    ] = 3_500_000
    slow_ms: Annotated[int, typer.Option(min=1, help="A slower answer costs a grade.")] = 5_000
    timeout_ms: Annotated[int, typer.Option(min=1, help="How long to wait for an answer.")] = 10_000


@app.command("webhook")
@expand_option_groups
def webhook_command(
    gateway: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")],
    url: Annotated[str, typer.Argument(help="The endpoint, for example …/gateways/waha/1/10.")],
    *,
    access: AccessOptions,
    limits: LimitOptions,
    watch_topics: Annotated[
        bool, typer.Option("--watch-topics", help="Check on Kafka what the endpoint took.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Post about 370 valid, odd and wrong payloads of a gateway, and grade the answers.

    The payloads are messages of the number 5511990000001: use a line for tests.
    """
    target = _build_target(gateway, url, access, limits.max_bytes)
    times = Limits(limits.slow_ms / 1000, limits.timeout_ms / 1000)
    print_report(asyncio.run(_play(target, times, watch_topics=watch_topics)), as_json=as_json)


def _build_target(gateway: str, url: str, access: AccessOptions, max_bytes: int) -> Target:
    if gateway not in KINDS:
        raise InvalidUsageError(
            f"The gateway {gateway} is not known; there are: {', '.join(KINDS)}."
        )
    if not url.startswith(("http://", "https://")):
        raise InvalidUsageError(f"The endpoint {_hide_query(url)} is no http address.")
    if not access.token:
        raise InvalidUsageError("Set CHATIA_CONFORMANCE_TOKEN to the token of the line.")
    if gateway == "cloud-api" and not access.app_secret:
        raise InvalidUsageError(
            "Set CHATIA_CONFORMANCE_APP_SECRET to the secret of Meta's app, which signs."
        )
    key = access.app_secret if gateway == "cloud-api" else access.token
    return Target(gateway, url, key, access.token, max_bytes)


async def _play(target: Target, limits: Limits, *, watch_topics: bool) -> Report:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                limits=httpx.Limits(max_connections=1), timeout=limits.timeout_s, trust_env=False
            )
        )
        await _check_reachable(client, target)
        watcher = None
        if watch_topics:
            settings = Settings()
            stack.enter_context(cluster.explain_kafka_errors(settings.kafka))
            partitions = await cluster.find_partitions(settings, TAKEN_TOPICS)
            watcher = await stack.enter_async_context(open_reader(settings.kafka, partitions))
        bar = stack.enter_context(output.build_progress_bar())
        player = WebhookPlayer(client, target, limits)
        task = bar.add_task(f"Posting to {target.gateway}", total=len(player.cases))
        return await player.run(watcher, on_played=lambda: bar.advance(task))


async def _check_reachable(client: httpx.AsyncClient, target: Target) -> None:
    try:
        await client.get(target.url, timeout=10.0)
    except httpx.TimeoutException:
        return  # an endpoint that hangs is what the cases find
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DependencyFailedError(
            f"The endpoint {_hide_query(target.url)} does not answer: {type(error).__name__}."
        ) from error


def _hide_query(url: str) -> str:
    """Return an address without its query, which may hold a token."""
    return url.partition("?")[0]
