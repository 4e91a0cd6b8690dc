"""Why there is no connection: each kind of error is a finding of its own."""

import asyncio
import socket
import ssl

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


def build_settings(port: int) -> Settings:
    url = f"postgresql://chatia@127.0.0.1:{port}/chatia"
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
