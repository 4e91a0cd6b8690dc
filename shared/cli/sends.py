"""`chatia sends`: holds back all sending, and resumes it."""

import asyncio

import typer

from shared.cli import acts, output
from shared.recovery import statements

app = typer.Typer(name="sends", help="Messages to send.", no_args_is_help=True)

PLATFORM = 0


@app.command()
def hold(*, actor: acts.ActorOption = None) -> None:
    """Send nothing more, on any line of any company, until `chatia sends resume`.

    What is asked for meanwhile waits until it expires. Sends that a gateway is being asked for at
    this moment are not taken back.
    """
    asyncio.run(_hold(actor))
    output.print_line("Sends are held; `chatia sends resume` lets them go.")


@app.command()
def resume(*, actor: acts.ActorOption = None) -> None:
    """Send again what waits and has not expired."""
    since = asyncio.run(_resume(actor))
    output.print_line(
        f"Sends were held since {since}; they go on." if since else "Sends were not held."
    )


async def _hold(actor: str | None) -> None:
    async with acts.open_transaction() as conn:
        await statements.hold_sends(conn)
        await acts.record_acts(conn, [acts.Act("messages", PLATFORM, "sends.hold", {})], actor)


async def _resume(actor: str | None) -> str:
    async with acts.open_transaction() as conn:
        since = await statements.release_sends(conn)
        await acts.record_acts(conn, [acts.Act("messages", PLATFORM, "sends.resume", {})], actor)
        return f"{since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
