"""Why there is no connection: each kind of error is a finding of its own."""

import asyncio
import socket
import ssl
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import make_url

from shared.doctor import run
from shared.doctor.connecting import find_connection_problem
from shared.doctor.findings import Code, Severity
from shared.doctor.run import examine
from shared.settings import DatabaseSettings, Settings
from tests.support.probes import free_port

URL = make_url("postgresql+asyncpg://ana:geheim@db.example:5433/chatia")

ERRORS = {
    Code.UNREACHABLE: ConnectionRefusedError(111, "Connect call failed"),
    Code.HOST_NOT_FOUND: socket.gaierror(-2, "Name or service not known"),
    Code.NO_ANSWER: TimeoutError(),
    Code.TLS_FAILED: ssl.SSLError(1, "wrong version"),
    Code.LOGIN_REFUSED: asyncpg.InvalidPasswordError("password authentication failed"),
    Code.DATABASE_MISSING: asyncpg.InvalidCatalogNameError('database "chatia" does not exist'),
    Code.CONNECTIONS_USED_UP: asyncpg.TooManyConnectionsError("sorry, too many clients already"),
    Code.NOT_READY: asyncpg.CannotConnectNowError("the database system is starting up"),
    Code.CONNECT_FAILED: asyncpg.InterfaceError("what nobody expected"),
}


def build_settings(port: int, host: str = "127.0.0.1", options: str = "") -> Settings:
    url = f"postgresql://chatia@{host}:{port}/chatia{options}"
    return Settings(database=DatabaseSettings.model_validate({"DATABASE_URL": url}))


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_of_connecting_is_its_own_finding(code: Code) -> None:
    found = find_connection_problem(ERRORS[code], URL)
    assert (found.code, found.severity) == (code, Severity.ERROR)
    assert "db.example" in found.sentence
    assert found.fix
    assert "geheim" not in str(found)


def test_a_server_without_tls_is_a_problem_of_tls() -> None:
    error = ConnectionError('PostgreSQL server at "db.example:5433" rejected SSL upgrade')
    assert find_connection_problem(error, URL).code is Code.TLS_FAILED


def test_an_unknown_refusal_of_the_server_keeps_its_sqlstate() -> None:
    found = find_connection_problem(asyncpg.InternalServerError("strange"), URL)
    assert found.code is Code.CONNECT_FAILED
    assert "XX000" in found.cause


async def test_without_a_server_that_is_all_that_is_found() -> None:
    report = await examine(build_settings(free_port()))
    assert [found.code for found in report.findings] == [Code.UNREACHABLE]
    assert (report.checks, report.is_healthy) == ((), False)
    assert "systemctl status postgresql" in report.findings[0].fix


async def test_a_frozen_server_does_not_freeze_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CONNECT_S", 0.2)
    silent = asyncio.Event()

    async def keep_silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        report = await examine(build_settings(port))
        silent.set()
    assert [found.code for found in report.findings] == [Code.NO_ANSWER]


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("53300", Code.CONNECTIONS_USED_UP),
        ("57P03", Code.NOT_READY),
        ("XX000", Code.CONNECT_FAILED),
    ],
)
async def test_a_server_that_refuses_says_why(sqlstate: str, code: Code) -> None:
    assert await find_with_server(build_refusal(sqlstate)) == [code]


async def test_a_server_that_has_no_tls_is_found() -> None:
    assert await find_with_server(b"", "?sslmode=require") == [Code.TLS_FAILED]


async def test_a_host_without_an_address_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def find_nothing(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", find_nothing)
    report = await examine(build_settings(5432, host="db.example"))
    assert [found.code for found in report.findings] == [Code.HOST_NOT_FOUND]


def build_refusal(sqlstate: str) -> bytes:
    """Build Postgres' message that it refuses the connection."""
    fields = (b"SFATAL", b"VFATAL", b"C" + sqlstate.encode(), b"Mno", b"")
    body = b"".join(field + b"\0" for field in fields)
    return b"E" + (len(body) + 4).to_bytes(4, "big") + body


async def find_with_server(answer: bytes, options: str = "") -> list[Code]:
    """Return what is found at a server that has no TLS, and sends this answer to a login."""

    ended = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(8)  # asks for TLS
            writer.write(b"N")
            await reader.readexactly(8)
            writer.write(answer)
            await writer.drain()
        writer.close()
        ended.set()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        report = await examine(build_settings(port, options=options))
        await ended.wait()
    return [found.code for found in report.findings]
