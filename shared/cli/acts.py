"""What operators do by commands, recorded in "Requests" beside the requests of the back office."""

import getpass
import json
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli.db_errors import explain_database_errors
from shared.contracts.base import LONGEST_NAME, drop_nul
from shared.db.bulk import statement
from shared.db.engine import create_engine
from shared.settings import DatabaseSettings

MAX_ID = 2**31 - 1

ActorOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who does it; by default your user name.")
]
CompanyOption = Annotated[int, typer.Option(min=1, max=MAX_ID, help="The company, by its id.")]
OptionalCompanyOption = Annotated[
    int | None, typer.Option(min=1, max=MAX_ID, help="Only this company, by its id.")
]

RECORD = statement("""
INSERT INTO "Requests" (service, "companyId", "requestId", answer, type, actor)
VALUES (:service, :company, :request_id, CAST(:answer AS jsonb), :type, :actor)
""")


@asynccontextmanager
async def open_transaction() -> AsyncIterator[AsyncConnection]:
    """Open a transaction under the operator's login; explain the database's errors."""
    engine = create_engine(DatabaseSettings(), "chatia")
    try:
        async with explain_database_errors(), engine.begin() as conn:
            yield conn
    finally:
        await engine.dispose()


async def record_act(
    conn: AsyncConnection, service: str, company: int, did: str, actor: str | None,
    about: Mapping[str, Any],
) -> None:  # fmt: skip
    """Record an act: `did` is such as `lines.register`, `about` what it changed, no secrets.

    `service` is the owner of the rows: its timer deletes the record after 30 days.
    """
    values = {
        "service": service,
        "company": company,
        "request_id": str(uuid.uuid4()),
        "answer": json.dumps([{"type": f"operator.{did}", "data": about}]),
        "type": f"operator.{did}",
        "actor": drop_nul(actor or find_operator())[:LONGEST_NAME],
    }
    await conn.execute(RECORD, values)


def find_operator() -> str:
    """Return the name of the user who runs the command, else the number."""
    with suppress(KeyError, OSError):  # containers have users without a name
        return getpass.getuser()
    return f"uid {os.getuid()}"
