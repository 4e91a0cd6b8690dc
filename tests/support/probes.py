"""Requests to a worker's health endpoints."""

import json
import socket
from http.client import HTTPConnection


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
