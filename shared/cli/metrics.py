"""`chatia metrics`: an exporter for Prometheus of what only the servers know."""

import asyncio
from typing import Annotated

import typer

from shared.cli import output
from shared.cli.cluster import build_kafka_arguments
from shared.cli.errors import ConflictError
from shared.cli.signals import stop_on_signals
from shared.delivery.health.http_server import PortTakenError, serve_http
from shared.settings import Settings
from shared.status.exporter import Exporter
from shared.status.read import read_status


def metrics_command(
    *,
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="The port of /metrics, on all addresses.")
    ] = 9108,
) -> None:
    """Serve backlog, lateness, dead letters and other figures of the deployment to Prometheus.

    One is enough for a deployment. Workers serve what they know themselves on CHATIA_HEALTH_PORT.
    """
    settings = Settings()
    build_kafka_arguments(settings.kafka)  # checks them
    try:
        with stop_on_signals():
            asyncio.run(_serve(settings, port))
    except PortTakenError as error:
        raise ConflictError(str(error)) from error


async def _serve(settings: Settings, port: int) -> None:
    exporter = Exporter(lambda: read_status(settings))
    async with serve_http(exporter, port, "--port"):
        output.print_line(f"Serving http://localhost:{port}/metrics; Ctrl-C ends it.")
        await asyncio.Event().wait()
