"""What operators do by commands, recorded in "Requests" beside the requests of the back office."""

import getpass
import json
import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli.db_errors import explain_database_errors
from shared.contracts.base import LONGEST_NAME, drop_nul
from shared.db.bulk import Json, rows_as_columns, source, statement
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


class Act(NamedTuple):
    """What an operator did: `did` is such as `lines.register`, `about` what changed, no secrets.

    `service` is the owner of the rows: its timer deletes the record after 30 days.
    """

    service: str
    company_id: int
    did: str
    about: Mapping[str, Any]


class _Row(NamedTuple):
    service: str
    company_id: int
    request_id: str
    answer: Json
    type: str
    actor: str


RECORD = statement(f"""
INSERT INTO "Requests" (service, "companyId", "requestId", answer, type, actor)
SELECT * FROM {source(_Row)}
""")  # noqa: S608 - only the fields of a row type are put into the SQL


@asynccontextmanager
async def open_transaction() -> AsyncIterator[AsyncConnection]:
    """Open a transaction under the operator's login; explain the database's errors."""
    engine = create_engine(DatabaseSettings(), "chatia")
    try:
        async with explain_database_errors(), engine.begin() as conn:
            yield conn
    finally:
        await engine.dispose()


async def record_acts(conn: AsyncConnection, acts: Sequence[Act], actor: str | None) -> None:
    """Record acts in the transaction of their rows; without an actor it is the user."""
    name = drop_nul(actor or find_operator())[:LONGEST_NAME]
    rows = [_build_row(act, name) for act in acts]
    await conn.execute(RECORD, rows_as_columns(rows, _Row))


def _build_row(act: Act, actor: str) -> _Row:
    of_type = f"operator.{act.did}"
    answer = json.dumps([{"type": of_type, "data": act.about}])
    return _Row(act.service, act.company_id, str(uuid.uuid4()), answer, of_type, actor)


def find_operator() -> str:
    """Return the name of the user who runs the command, else the number."""
    with suppress(KeyError, OSError):  # containers have users without a name
        return getpass.getuser()
    return f"uid {os.getuid()}"
