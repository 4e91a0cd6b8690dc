"""Requests to a worker's health endpoints."""

import asyncio
import json
import socket
from contextlib import suppress
from http.client import HTTPConnection

from prometheus_client.parser import text_string_to_metric_families

PATIENCE_S = 30.0


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def ask(port: int, path: str) -> tuple[int, str]:
    """Return the HTTP status and the `status` member of a response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["status"]
    finally:
        connection.close()


def scrape(port: int) -> dict[str, float]:
    """Return the samples of `/metrics` as Prometheus reads them: `name{label="value"}` → value."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("content-type", "").startswith("text/plain; version=0.0.4")
        return read_samples(answer.read().decode())
    finally:
        connection.close()


def read_samples(text: str) -> dict[str, float]:
    """Return the samples of a page in the text format of Prometheus."""
    return {
        build_name(sample.name, **sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def build_name(name: str, **labels: str) -> str:
    """Return the name of a sample with its labels in their alphabetical order."""
    listed = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{listed}}}" if listed else name


async def await_code(port: int, code: int) -> str:
    """Poll `/ready` until it has this code, and return its status."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(ConnectionRefusedError):  # the worker is still starting
                answered, status = await asyncio.to_thread(ask, port, "/ready")
                if answered == code:
                    return status
            await asyncio.sleep(0.1)
