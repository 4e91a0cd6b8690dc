"""Publishes the status of a line as its gateway would, and waits until it is saved."""

import asyncio
import uuid
from datetime import datetime

from shared.cli import acts, line_store
from shared.cli.acts import Act
from shared.cli.errors import DependencyFailedError
from shared.cli.publishing import publish
from shared.cli.records import Record
from shared.contracts.cloudevents import build_headers
from shared.contracts.connection import ConnectionUpdated, LineStatus
from shared.settings import Settings

SAVED_WITHIN_SECONDS = 60
POLL_SECONDS = 0.2


async def set_status(
    settings: Settings, act: Act, company: int, line: int, status: LineStatus, actor: str | None
) -> None:
    """Set the status of a line; raises DependencyFailedError if no worker saves it in time."""
    async with acts.open_transaction() as conn:
        await line_store.check_line(conn, company, line)
        at = await line_store.read_now(conn)
    event = ConnectionUpdated(
        company_id=company, whatsapp_id=line, status=status, timestamp=at, reason="chatia lines"
    )
    record = _build_record(settings, event)
    await publish(settings.kafka, f"{settings.namespace}.{event.topic}", [record], lambda _: None)
    await _wait_until_saved(company, line, at)
    async with acts.open_transaction() as conn:
        await acts.record_acts(conn, [act], actor)


def _build_record(settings: Settings, event: ConnectionUpdated) -> Record:
    headers = build_headers(
        event, id=str(uuid.uuid4()), source=f"{settings.namespace}/cli", time=event.timestamp
    )
    return Record(
        key=event.key.encode(),
        value=event.model_dump_json(by_alias=True).encode(),
        headers=tuple(headers),
    )


async def _wait_until_saved(company: int, line: int, at: datetime) -> None:
    try:
        async with asyncio.timeout(SAVED_WITHIN_SECONDS):
            while not await _is_saved(company, line, at):  # noqa: ASYNC110 - the database has no event to wait for
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise DependencyFailedError(
            f"The status is published, but not saved within {SAVED_WITHIN_SECONDS} s: it takes "
            "effect when a messages worker runs."
        ) from error


async def _is_saved(company: int, line: int, at: datetime) -> bool:
    async with acts.open_transaction() as conn:
        return await line_store.is_status_saved(conn, company, line, at)
