"""Why a connection to Postgres cannot be opened, as a finding. Pure: from the error alone."""

import socket
import ssl

from sqlalchemy import URL

from shared.db.errors import describe_unreachable
from shared.doctor.findings import Code, Finding, Severity, quote_argument

LOOPBACK = ("localhost", "127.0.0.1", "::1", "")
PORT = 5432
NO_TLS = "rejected SSL upgrade"  # in the text of asyncpg's ConnectionError


def find_connection_problem(error: Exception, url: URL) -> Finding:
    """Return the finding for an error of connecting: of the network, TLS, driver or server."""
    sqlstate = _read_sqlstate(error)
    if sqlstate:
        return _find_refusal(sqlstate, _read_message(error), url)
    if isinstance(error, OSError):
        is_tls = isinstance(error, ssl.SSLError) or NO_TLS in str(error)
        return _find_tls_problem(error, url) if is_tls else _find_network_problem(error, url)
    return Finding(
        Code.CONNECT_FAILED,
        Severity.ERROR,
        f"No connection to {_name(url)}: {_read_message(error)}.",
        "The driver gave up for another reason than the known ones.",
        _psql(url),
    )


def _find_tls_problem(error: OSError, url: URL) -> Finding:
    return Finding(
        Code.TLS_FAILED,
        Severity.ERROR,
        f"{_name(url)} cannot be used with TLS: {describe_unreachable(error)}.",
        "DB_SSL_MODE, DB_SSL_CA, DB_SSL_CERT or DB_SSL_KEY do not fit the server.",
        f"openssl s_client -starttls postgres -connect {url.host}:{url.port or PORT}",
    )


def _find_network_problem(error: OSError, url: URL) -> Finding:
    host, port = url.host or "localhost", url.port or PORT
    if isinstance(error, socket.gaierror):
        return Finding(
            Code.HOST_NOT_FOUND,
            Severity.ERROR,
            f"The host {host} of the database does not exist.",
            "DB_HOST or DATABASE_URL has a wrong name, or the name server does not answer.",
            f"getent hosts {host}",
        )
    if isinstance(error, TimeoutError):
        return Finding(
            Code.NO_ANSWER,
            Severity.ERROR,
            f"{_name(url)} does not answer.",
            "The server or its machine is frozen or overloaded, or a firewall drops packets.",
            f"nc -vz {host} {port}",
        )
    is_here = host in LOOPBACK
    return Finding(
        Code.UNREACHABLE,
        Severity.ERROR,
        f"{_name(url)} cannot be reached: {describe_unreachable(error)}.",
        "Postgres does not run, or listens on another port or address (DB_HOST, DB_PORT).",
        "chatia up, or: systemctl status postgresql; ss -ltn | grep 5432"
        if is_here
        else f"nc -vz {host} {port}",
    )


def _find_refusal(sqlstate: str, message: str, url: URL) -> Finding:
    user, database = url.username or "", url.database or ""
    cause, fix, code = {
        "28P01": (
            "DB_USER and DB_PASS, or DATABASE_URL, are not what the server knows.",
            f"psql -U postgres -c '\\password {user}'; for a service: chatia db roles",
            Code.LOGIN_REFUSED,
        ),
        "28000": (
            "The role does not exist, may not log in, or pg_hba.conf allows no such connection.",
            f"createuser {quote_argument(user)}; for a service: chatia db roles",
            Code.LOGIN_REFUSED,
        ),
        "3D000": (
            "The database was never created or was dropped, or DB_NAME is wrong.",
            f"createdb {quote_argument(database)} && chatia db upgrade",
            Code.DATABASE_MISSING,
        ),
        "53300": (
            "All connections that the server, the database or the role allows are used.",
            "psql -U postgres -c 'SELECT usename, count(*) FROM pg_stat_activity GROUP BY 1'",
            Code.CONNECTIONS_USED_UP,
        ),
        "57P03": (
            "The server starts, stops or recovers; after a crash that takes minutes.",
            "chatia db doctor (again, when its log says that it is ready)",
            Code.NOT_READY,
        ),
    }.get(
        sqlstate,
        (f"Postgres refused the connection with SQLSTATE {sqlstate}.", _psql(url), None),
    )
    return Finding(
        code or Code.CONNECT_FAILED,
        Severity.ERROR,
        f"{_name(url)} refuses the connection: {message}.",
        cause,
        fix,
    )


def _name(url: URL) -> str:
    return f"Postgres at {url.host or 'localhost'}:{url.port or PORT}"


def _psql(url: URL) -> str:
    return (
        f"psql -h {url.host or 'localhost'} -p {url.port or PORT} -U {url.username} {url.database}"
    )


def _read_sqlstate(error: Exception) -> str:
    origin = getattr(error, "orig", None) or error
    return str(getattr(origin, "sqlstate", None) or "")


def _read_message(error: Exception) -> str:
    origin = getattr(error, "orig", None) or error
    lines = str(origin).rpartition(">: ")[2].splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
