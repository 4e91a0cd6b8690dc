"""The program `chatia`: its commands, and how any of them ends."""

import importlib.util
import logging
import sys
from collections.abc import Iterable
from typing import NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from shared.cli import (
    db,
    dead_letters,
    events,
    gateway_sim,
    gateways,
    quarantines,
    topics,
    worker,
)
from shared.cli.errors import CommandError, WrongUsage
from shared.cli.output import complain
from shared.settings import DatabaseSettings, KafkaSettings, Settings

app = typer.Typer(
    name="chatia",
    help="ChatIA Flow: four Kafka workers over one Postgres schema.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(topics.app)
app.add_typer(events.app)
app.add_typer(db.app)
app.add_typer(dead_letters.app)
app.add_typer(gateways.app)
app.command("resume")(quarantines.resume_command)
app.command("gateway-sim")(gateway_sim.gateway_sim)
app.command()(worker.worker)
if importlib.util.find_spec("jgo"):  # images for production come without the embedded servers
    from shared.cli import embedded

    app.command()(embedded.up)
    app.command()(embedded.demo)

_SETTINGS: dict[str, type[BaseSettings]] = {
    kind.__name__: kind for kind in (Settings, DatabaseSettings, KafkaSettings)
}


def main() -> None:
    """Run the command that the arguments name and leave with its exit code."""
    # Without a handler Python prints a library's warnings; a command tells its own trouble.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        _check_words(sys.argv)
        app()
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
