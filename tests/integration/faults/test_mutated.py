"""A short run of `python -m tests.faults.mutation_run`: each mutated record has an outcome."""

import asyncio
from pathlib import Path

import pytest

from tests.benchmarks import stage
from tests.faults.__main__ import fresh_servers
from tests.faults.mutation import MUTATIONS
from tests.faults.mutation_run import run_mutations

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

EVENTS = 600


def test_every_mutated_record_is_a_row_or_has_a_reason(tmp_path: Path) -> None:
    with fresh_servers(tmp_path / "servers") as servers:
        result = asyncio.run(
            run_mutations(servers, stage.settings_of(servers), "a short run", EVENTS)
        )
    assert result.problems == []
    assert result.total == result.published == EVENTS
    assert result.outcomes.keys() >= MUTATIONS.keys()
