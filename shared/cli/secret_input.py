"""Reads passwords and keys from a prompt or from standard input, never from an argument."""

import secrets
import sys
from typing import Annotated

import typer

from shared.cli.errors import InvalidUsageError

GenerateOption = Annotated[
    bool, typer.Option("--generate", help="Choose one at random, and show it once.")
]


def read_secret(what: str) -> str:
    """Return a secret of printable characters; in a terminal it is asked for twice, hidden.

    Elsewhere it is the first line of standard input. Raises InvalidUsageError if it is empty.
    """
    if sys.stdin.isatty():
        secret = str(typer.prompt(what, hide_input=True, confirmation_prompt=True, err=True))
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise InvalidUsageError(f"{what}: nothing was given on standard input.")
    if not secret.isprintable():
        raise InvalidUsageError(f"{what}: it has characters that cannot be printed.")
    return secret


def generate_password() -> str:
    """Return a new password of 16 characters."""
    return secrets.token_urlsafe(12)
