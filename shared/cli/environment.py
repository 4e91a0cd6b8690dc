"""`chatia env`: the variables with which another terminal uses the servers of `chatia up`."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.cli import output
from shared.cli.errors import DependencyFailedError, InvalidUsageError
from shared.cli.worker import Service
from shared.embedded import runtime
from shared.embedded.errors import NotRunningError

STATE_FOLDER = Path(".chatia")

StateOption = Annotated[
    Path, typer.Option("--state", help="Folder of the embedded servers' state and logs.")
]
ServiceArgument = Annotated[
    Service | None,
    typer.Argument(
        help="Print the database login of this service's worker; without it, the owner's.",
        show_default=False,
    ),
]


def env(service: ServiceArgument = None, *, state: StateOption = STATE_FOLDER) -> None:
    """Print `export` lines for the servers of `chatia up`: eval "$(chatia env)".

    psql "$DATABASE_URL" and every chatia command then use them. With a service they are for a
    worker that you start yourself. The lines contain passwords.
    """
    try:
        content = runtime.read(state)
    except NotRunningError as error:
        raise DependencyFailedError(str(error)) from error
    for name, value in choose_variables(content, service).items():
        output.print_line(f"export {name}={shlex.quote(value)}")
    if not shutil.which("chatia"):
        folder = shlex.quote(str(Path(sys.executable).parent))
        output.print_line(f'export PATH={folder}:"$PATH"')


def choose_variables(content: Mapping[str, Any], service: str | None) -> dict[str, str]:
    """Return the environment variables of runtime.json, for a service with its login."""
    variables = {name: value for name, value in content.items() if name.isupper()}
    if service is None:
        return variables
    login = content.get("logins", {}).get(service)
    if login is None:
        raise InvalidUsageError(
            f"The password of the role of {service} is not known: set ROLE_PASSWORD_"
            f"{service.upper()} before `chatia up`, which sets it in your Postgres."
        )
    readers = {"DB_READER_USER", "DB_READER_PASS"}
    kept = {name: value for name, value in variables.items() if name not in readers}
    return kept | {"DATABASE_URL": login}
