"""A short run of `python -m tests.faults.mutated`: each spoiled record has an end with a reason."""

import asyncio
from pathlib import Path

import pytest

from tests.benchmarks import stage
from tests.faults.__main__ import fresh_servers
from tests.faults.mutate import MUTATIONS
from tests.faults.mutated import play

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

EVENTS = 600


def test_every_spoiled_record_is_a_row_or_has_a_reason(tmp_path: Path) -> None:
    with fresh_servers(tmp_path / "servers") as servers:
        account = asyncio.run(play(servers, stage.settings_of(servers), "a short run", EVENTS))
    assert account.troubles == []
    assert account.total == account.published == EVENTS
    assert account.fates.keys() >= MUTATIONS.keys()
