"""`python -m tests.faults.expensive.watched_worker worker SERVICE`: a worker that logs its reads.

It runs what `chatia worker SERVICE` runs, and writes one line for each record each time it is read.
"""

import structlog

from shared.cli.app import main
from shared.delivery.decode import Reading, Record
from shared.delivery.reading import BatchReader, Unread

READ = "record.read"


def watch() -> None:
    """Have every read of a record logged."""
    log = structlog.get_logger()
    read = BatchReader._reading  # noqa: SLF001 - what is watched

    def logged(self: BatchReader, record: Record, unread: Unread) -> Reading:
        log.info(READ, topic=record.topic, partition=record.partition, offset=record.offset)
        return read(self, record, unread)

    BatchReader._reading = logged  # type: ignore[method-assign]  # noqa: SLF001 - as above


if __name__ == "__main__":
    watch()
    main()
