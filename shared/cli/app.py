"""The program `chatia`: its commands and exit codes."""

import gc
import importlib.util
import logging
import os
import sys
from collections.abc import Iterable
from typing import NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from shared.cli.errors import CommandError, InvalidUsageError
from shared.cli.loading import add_commands
from shared.cli.output import print_error
from shared.settings import MODELS
from shared.unread_variables import find_unread

INTERRUPTED = 130  # the exit code that shells and typer use for Ctrl-C
COMMANDS = {
    "worker": "shared.cli.worker:worker",
    "topics": "shared.cli.topics:app",
    "events": "shared.cli.events:app",
    "db": "shared.cli.db:build_app",
    "dead-letters": "shared.cli.dead_letters:app",
    "gateway": "shared.cli.gateways:app",
    "record": "shared.cli.record:app",
    "sends": "shared.cli.sends:app",
    "lines": "shared.cli.lines:app",
    "users": "shared.cli.users:app",
    "companies": "shared.cli.companies:app",
    "query": "shared.cli.query:app",
    "audit": "shared.cli.audit:audit",
    "resume": "shared.cli.resume:resume_command",
    "skip": "shared.cli.skip:skip_command",
    "status": "shared.cli.status:status_command",
    "metrics": "shared.cli.metrics:metrics_command",
    "conformance": "shared.cli.conformance:app",
    "gateway-sim": "shared.cli.gateway_sim:gateway_sim",
}
if importlib.util.find_spec("jgo"):  # images for production come without the embedded servers
    COMMANDS |= {
        "up": "shared.cli.embedded:up",
        "demo": "shared.cli.embedded:demo",
        "env": "shared.cli.environment:env",
    }


def build_app(*words: str) -> typer.Typer:
    """Build the program with the command that the words name, or with all if they name none.

    A worker starts in half the time when the other commands are not imported.
    """
    app = typer.Typer(name="chatia", add_completion=False, pretty_exceptions_enable=False)
    app.callback(no_args_is_help=True)(chatia)
    add_commands(app, COMMANDS, words)
    return app


def chatia() -> None:
    """ChatIA Flow: four Kafka workers over one Postgres schema."""


_SETTINGS: dict[str, type[BaseSettings]] = {kind.__name__: kind for kind in MODELS}


def main() -> None:
    """Run the command of the arguments and exit with its code."""
    # Without a handler Python prints aiokafka's warnings beside the command's own error.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        _check_arguments(sys.argv)
        if sys.argv[1:2] != ["worker"]:  # which logs them
            _warn_of_unread_variables()
        app = _build_quickly(*sys.argv[1:3])
        app()
    except CommandError as error:
        _exit_with(error)
    except ValidationError as error:
        if error.title not in _SETTINGS:
            raise
        _exit_with(InvalidUsageError(_describe_invalid_variable(error)))
    except KeyboardInterrupt:  # before the command has begun, while its modules are imported
        sys.exit(INTERRUPTED)


def _build_quickly(*words: str) -> typer.Typer:
    """Build the program without collecting garbage: what imports make stays until the end."""
    gc.disable()
    try:
        return build_app(*words)
    finally:
        gc.enable()


def _check_arguments(arguments: Iterable[str]) -> None:
    """Raise InvalidUsageError for an argument that is not UTF-8."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise InvalidUsageError(f"The argument {argument!a} is not UTF-8 text.") from error


def _warn_of_unread_variables() -> None:
    for variable in find_unread(os.environ):
        print_error(f"Warning: {variable}")


def _exit_with(error: CommandError) -> NoReturn:
    print_error(str(error))
    sys.exit(error.exit_code)


def _describe_invalid_variable(error: ValidationError) -> str:
    settings = _SETTINGS[error.title]
    first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][0])
    # A field with an alias is reported by the alias, which is the variable's name.
    prefix = settings.model_config.get("env_prefix", "") if field in settings.model_fields else ""
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"The environment variable {(prefix + field).upper()} cannot be used: {message}."
