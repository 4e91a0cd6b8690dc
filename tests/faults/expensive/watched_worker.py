"""`python -m tests.faults.expensive.watched_worker worker SERVICE`: a worker that logs its reads.

It runs what `chatia worker SERVICE` runs and logs a line for every read of a record.
"""

import structlog

from shared.cli.app import main
from shared.delivery.batch.reading import BatchReader, Exclusions
from shared.delivery.kafka.record import DecodedRecord, Record

READ = "record.read"


def log_reads() -> None:
    """Log every read of a record."""
    log = structlog.get_logger()
    read = BatchReader._decode  # noqa: SLF001 - what is watched

    def logged(self: BatchReader, record: Record, exclusions: Exclusions) -> DecodedRecord:
        log.info(READ, topic=record.topic, partition=record.partition, offset=record.offset)
        return read(self, record, exclusions)

    BatchReader._decode = logged  # type: ignore[method-assign]  # noqa: SLF001 - as above


if __name__ == "__main__":
    log_reads()
    main()
