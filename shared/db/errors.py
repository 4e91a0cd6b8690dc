"""Reads SQLSTATE and table of database errors, and whether the data is the cause."""

import socket
import ssl

from sqlalchemy.exc import DBAPIError

UNENCODABLE = "22000"  # a value that the driver itself cannot encode
DATA_CLASSES = ("22", "23")  # SQLSTATE classes of bad values and broken constraints


def read_sqlstate(error: DBAPIError) -> str:
    """Return the SQLSTATE of an error, empty if there is none.

    If the driver cannot encode a value, that is 22000.
    """
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if code:
        return str(code)
    return UNENCODABLE if isinstance(getattr(error.orig, "__cause__", None), ValueError) else ""


def is_data_error(error: DBAPIError) -> bool:
    """Return whether the database rejects a value (class 22 or 23): a retry cannot help."""
    return read_sqlstate(error).startswith(DATA_CLASSES)


def read_table_name(error: DBAPIError) -> str:
    """Return the table of an error, empty if the database does not name one."""
    return str(getattr(getattr(error.orig, "__cause__", None), "table_name", None) or "")


def read_constraint_name(error: DBAPIError) -> str:
    """Return the constraint, or the unique index, of an error; empty if there is none."""
    return str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", None) or "")


def describe_refusal(error: DBAPIError) -> str:
    """Return the first line of the database's own message."""
    if read_sqlstate(error) == UNENCODABLE:
        return "a value does not fit its column"
    lines = str(error.orig).rpartition(">: ")[2].splitlines()
    return lines[0] if lines else type(error).__name__


def describe_unreachable(error: OSError) -> str:
    """Return why a server cannot be reached, in words; without the driver's own prefixes."""
    match error:
        case socket.gaierror():
            return "host not found"
        case ssl.SSLCertVerificationError():
            return f"its certificate is refused: {error.verify_message}"
        case ssl.SSLError():
            return f"no TLS connection: {getattr(error, 'reason', None) or error}"
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "connection refused"
        case _:
            return error.strerror or str(error) or type(error).__name__
