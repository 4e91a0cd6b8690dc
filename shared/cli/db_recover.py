"""`chatia db recover`: goes on with a database that was restored."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic.alias_generators import to_camel

from shared.cli import acts, output
from shared.cli.cluster import explain_kafka_errors
from shared.cli.errors import InvalidUsageError, RefusedError
from shared.recovery import finish, kafka
from shared.recovery.finish import Recovery
from shared.settings import Settings


def recover(
    *,
    finish_it: Annotated[
        bool, typer.Option("--finish", help="Let workers go on with the restored database.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Go on after the database was restored to an earlier time, or another server took over.

    All workers have to be stopped. If nothing is lost, it only records which database this is.
    Else workers read again from the restored positions, facts of the lost time count no more, and
    sends are held until `chatia sends resume`.
    """
    if not finish_it:
        raise InvalidUsageError("Say --finish, when the database is restored and may be written.")
    done = asyncio.run(_finish(Settings()))
    if as_json:
        output.print_json(_convert_to_json(done))
        return
    for line in _describe(done):
        output.print_line(line)


async def _finish(settings: Settings) -> Recovery:
    with explain_kafka_errors(settings.kafka):
        if running := await kafka.find_running(settings.kafka, settings.namespace):
            raise RefusedError(f"Workers of {', '.join(running)} run: stop all workers first.")
        committed = await kafka.load_all_committed(settings.kafka, settings.namespace)
        async with kafka.open_reader(settings.kafka) as reader, acts.open_transaction() as conn:
            return await finish.finish(conn, reader, committed, settings.namespace)


def _convert_to_json(done: Recovery) -> dict[str, object]:
    logs = [asdict(log) for log in done.lost_logs]
    return {to_camel(name): value for name, value in asdict(done).items()} | {"lostLogs": logs}


def _describe(done: Recovery) -> Iterator[str]:
    if not done.went_back:
        yield "Nothing is lost: workers may be started."
        return
    yield (
        f"The database went back in time. Epoch {done.new_epoch} begins: workers read "
        f"{done.to_read_again:,} records again."
    )
    yield (
        f"Sends are held: {done.given_up:,} were waiting and {done.lost_sends:,} were asked for "
        "in the lost time; they may have been sent, so they become `unknown`, and nothing of it "
        "is sent again."
    )
    for log in done.lost_logs:
        yield (
            f"Kafka has deleted {log.records:,} records of {log.topic}/{log.partition} that "
            f"{log.service} has not read: `chatia topics accept-reset {log.topic}` goes on."
        )
    yield "Start the workers, look at `chatia status`, and then run `chatia sends resume`."
