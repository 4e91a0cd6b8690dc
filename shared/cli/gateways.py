"""`chatia gateway`: what an operator enters at a gateway, so that it may post for a line."""

from typing import Annotated

import typer

from shared.cli import output
from shared.cli.errors import WrongUsage
from shared.gateways import registry, signatures
from shared.settings import Settings

app = typer.Typer(name="gateway", help="Gateways that post over HTTP.", no_args_is_help=True)

FEWEST_CHARACTERS = 16


@app.command("token")
def token_command(
    gateway: Annotated[str, typer.Argument(help=f"One of: {', '.join(registry.GATEWAYS)}.")],
    *,
    company: Annotated[int, typer.Option(min=1, help="The company that owns the line.")],
    line: Annotated[int, typer.Option(min=1, help="The line: its id in Whatsapps.")],
    as_json: output.JsonOption = False,
) -> None:
    """Show the address that a gateway posts to for a line, and the token that lets it."""
    if gateway not in registry.GATEWAYS:
        known = ", ".join(registry.GATEWAYS)
        raise WrongUsage(f"The gateway {gateway} is not known; there are: {known}.")
    secret = Settings().webhook_secret.get_secret_value()
    if len(secret) < FEWEST_CHARACTERS:
        raise WrongUsage(
            "Tokens are made from CHATIA_WEBHOOK_SECRET: set it to at least "
            f"{FEWEST_CHARACTERS} random characters, the same at the messages workers."
        )
    path = f"/gateways/{gateway}/{company}/{line}"
    token = signatures.token(secret, gateway, company, line)
    if as_json:
        output.say_json({"path": path, "token": token})
    else:
        output.say(f"path   {path}\ntoken  {token}")
