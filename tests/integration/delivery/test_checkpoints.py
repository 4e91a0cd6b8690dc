"""What a batch's statements are: as many for one record as for many, whoever is being deleted."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text

from tests.integration.delivery.bench import PLACE, Bench, record

pytestmark = pytest.mark.integration

PURGE = """
WITH purge AS (
  INSERT INTO "Purges" ("companyId", "tableName", "requestId", actor, deleted)
  VALUES (77, 'Companies', 'r', 'a', '{}') RETURNING id
)
INSERT INTO "PurgedRows" ("purgeId", "tableName", "companyId", "rowId")
SELECT id, 'Companies', 77, 77 FROM purge
"""


@contextmanager
def recorded(bench: Bench) -> Iterator[list[str]]:
    """Record the statements that are sent in the block."""
    statements = list[str]()

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    event.listen(bench.engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(bench.engine.sync_engine, "before_cursor_execute", note)


async def test_a_batch_of_any_size_takes_the_same_statements(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    with recorded(bench) as of_one:
        await bench.worker.consume([record(0)])
    with recorded(bench) as of_many:
        await bench.worker.consume([record(offset) for offset in range(1, 50)])
    assert of_one == of_many


async def test_deleted_tenants_are_read_by_the_statement_that_locks(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    with recorded(bench) as without_purge:
        await bench.worker.consume([record(0)])
    async with bench.engine.begin() as conn:
        await conn.execute(text(PURGE))
    with recorded(bench) as with_purge:
        await bench.worker.consume([record(1)])
    assert with_purge == without_purge
    (reading,) = [statement for statement in with_purge if "PurgedRows" in statement]
    assert "FOR NO KEY UPDATE OF c" in reading
