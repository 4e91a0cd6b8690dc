"""The program `chatia`: its commands, and how any of them ends."""

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterable
from typing import NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from shared.cli.errors import CommandError, WrongUsage
from shared.cli.output import complain
from shared.settings import DatabaseSettings, KafkaSettings, Settings

COMMANDS = {
    "worker": "shared.cli.worker:worker",
    "topics": "shared.cli.topics:app",
    "events": "shared.cli.events:app",
    "db": "shared.cli.db:app",
    "dead-letters": "shared.cli.dead_letters:app",
    "gateway": "shared.cli.gateways:app",
    "record": "shared.cli.record:app",
    "resume": "shared.cli.quarantines:resume_command",
    "skip": "shared.cli.skipping:skip_command",
    "gateway-sim": "shared.cli.gateway_sim:gateway_sim",
}
if importlib.util.find_spec("jgo"):  # images for production come without the embedded servers
    COMMANDS |= {"up": "shared.cli.embedded:up", "demo": "shared.cli.embedded:demo"}


def assembled(word: str = "") -> typer.Typer:
    """Give the program with the one command that `word` names, else with all of them.

    A worker starts in half the time when the other commands are not imported.
    """
    app = typer.Typer(name="chatia", add_completion=False, pretty_exceptions_enable=False)
    app.callback(no_args_is_help=True)(chatia)
    for name in [word] if word in COMMANDS else COMMANDS:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found)
        else:
            app.command(name)(found)
    return app


def chatia() -> None:
    """ChatIA Flow: four Kafka workers over one Postgres schema."""


_SETTINGS: dict[str, type[BaseSettings]] = {
    kind.__name__: kind for kind in (Settings, DatabaseSettings, KafkaSettings)
}


def main() -> None:
    """Run the command that the arguments name and leave with its exit code."""
    # Without a handler Python prints a library's warnings; a command tells its own trouble.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        _check_words(sys.argv)
        assembled(*sys.argv[1:2])()
    except CommandError as error:
        _leave(error)
    except ValidationError as error:
        if error.title not in _SETTINGS:
            raise
        _leave(WrongUsage(_wrong_environment(error)))


def _check_words(words: Iterable[str]) -> None:
    """Refuse words that are not text before anything is done with one of them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise WrongUsage(f"The argument {word!a} is not UTF-8 text.") from error


def _leave(error: CommandError) -> NoReturn:
    complain(str(error))
    sys.exit(error.exit_code)


def _wrong_environment(error: ValidationError) -> str:
    settings = _SETTINGS[error.title]
    first = error.errors(include_input=False, include_url=False)[0]
    member = str(first["loc"][0])
    # A member with an alias is reported by it, and then the alias is the variable.
    prefix = settings.model_config.get("env_prefix", "") if member in settings.model_fields else ""
    complaint = first["msg"][0].lower() + first["msg"][1:]
    return f"The environment variable {(prefix + member).upper()} cannot be used: {complaint}."
