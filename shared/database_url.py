"""Checks DATABASE_URL, and adds parameters about TLS to the URL of a database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]

MODE, AUTHORITY = "sslmode", "sslrootcert"
FILES = (AUTHORITY, "sslcert", "sslkey")
TLS_PARAMETERS = (MODE, *FILES)
ADDRESS_PARAMETERS = ("host", "port")  # of a Unix socket
MODES: tuple[SslMode, ...] = ("disable", "prefer", "require", "verify-ca", "verify-full")
VERIFYING_MODES = ("verify-ca", "verify-full")


def check_url(url: str) -> None:
    """Raise ValueError if the URL is not of Postgres, or has a parameter that is not honoured."""
    scheme = url.partition("://")[0]
    if scheme.split("+")[0] not in {"postgres", "postgresql"}:
        msg = f"it must begin with postgresql://, not with {scheme}://"
        raise ValueError(msg)
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        msg = "its port is not a number from 0 to 65535"
        raise ValueError(msg) from error
    parameters = read_parameters(url)
    for name in parameters:
        if name not in TLS_PARAMETERS + ADDRESS_PARAMETERS:
            known = ", ".join(TLS_PARAMETERS)
            msg = f"its parameter {name} is not known; there are: {known}"
            raise ValueError(msg)
    if parameters.get(MODE, "prefer") not in MODES:
        msg = f"its {MODE} must be one of: {', '.join(MODES)}"
        raise ValueError(msg)
    for name in FILES:
        check_file(parameters.get(name, ""))


def check_file(path: str) -> None:
    """Raise ValueError if a path is not empty, and no file there can be read."""
    if not path:
        return
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        msg = f"the file {path} cannot be read ({error.strerror})"
        raise ValueError(msg) from error


def read_parameters(url: str) -> dict[str, str]:
    """Return the parameters of a URL; `ssl`, SQLAlchemy's name of sslmode, is read as sslmode."""
    found = dict(parse_qsl(_split(url)[1], keep_blank_values=True))
    return {MODE if name == "ssl" else name: value for name, value in found.items()}


def add_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """Return the URL with parameters; those that it has already keep their values."""
    joined = dict(parameters) | read_parameters(url)
    address = _split(url)[0]
    return f"{address}?{urlencode(joined, safe='/')}" if joined else address


def _split(url: str) -> tuple[str, str]:
    """Split a URL before its parameters; a password may hold a question mark."""
    login, at, rest = url.rpartition("@")
    address, _, parameters = rest.partition("?")
    return login + at + address, parameters
