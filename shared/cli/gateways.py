"""`chatia gateway`: the webhook address and token of a line."""

from typing import Annotated

import typer

from shared.cli import output
from shared.cli.errors import InvalidUsageError
from shared.gateways import registry, signatures
from shared.settings import MIN_SECRET_LENGTH, Settings

app = typer.Typer(name="gateway", help="Gateways that post over HTTP.", no_args_is_help=True)


@app.command("token")
def token_command(
    gateway: Annotated[str, typer.Argument(help=f"One of: {', '.join(registry.GATEWAYS)}.")],
    *,
    company: Annotated[int, typer.Option(min=1, help="The company that owns the line.")],
    line: Annotated[int, typer.Option(min=1, help="The line: its id in Whatsapps.")],
    as_json: output.JsonOption = False,
) -> None:
    """Show the webhook address of a line, and the token that authenticates its gateway."""
    if gateway not in registry.GATEWAYS:
        known = ", ".join(registry.GATEWAYS)
        raise InvalidUsageError(f"The gateway {gateway} is not known; there are: {known}.")
    secret = Settings().webhooks.secret.get_secret_value()
    if not secret:
        raise InvalidUsageError(
            "Tokens are made from CHATIA_WEBHOOK_SECRET: set it to at least "
            f"{MIN_SECRET_LENGTH} random characters, the same at the messages workers."
        )
    path = f"/gateways/{gateway}/{company}/{line}"
    token = signatures.derive_token(secret, gateway, company, line)
    if as_json:
        output.print_json({"path": path, "token": token})
    else:
        output.print_line(f"path   {path}\ntoken  {token}")
