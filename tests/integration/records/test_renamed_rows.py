"""A row is renamed while another takes its old name."""

import pytest
from sqlalchemy import text

from shared.contracts.outcome import Emit
from shared.contracts.record import RecordSaved
from shared.contracts.record_request import TicketsRecordSave
from shared.records.handler import build_record_subscription
from tests.laws.test_handlers import apply, open_world

pytestmark = pytest.mark.integration


async def test_the_old_name_of_a_renamed_row_is_free_in_the_same_batch(
    world_url: str,
) -> None:
    renamed, new = (
        TicketsRecordSave(company_id=1, request_id=request_id, table="Queues", rows=(row,))
        for request_id, row in (
            ("r1", {"id": 7, "name": "Comercial"}),
            ("r2", {"name": "Vendas", "color": "#ccc"}),
        )
    )
    async with open_world(world_url) as conn:
        outcome = await apply(conn, build_record_subscription("tickets"), [renamed, new])
        rows = await conn.execute(text('SELECT id, name FROM "Queues" WHERE "companyId" = 1'))
        names = {row.name: row.id for row in rows}
    assert all(isinstance(item, Emit) and isinstance(item.fact, RecordSaved) for item in outcome)
    assert (names["Comercial"], names["Vendas"] > 8) == (7, True)
