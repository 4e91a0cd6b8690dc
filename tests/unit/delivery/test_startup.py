"""Waiting at the start: what is said, and how the pauses grow."""

import asyncio

import pytest
from structlog.testing import capture_logs

from shared.delivery.health import startup
from shared.settings import DatabaseSettings, KafkaSettings, Settings

NOWHERE = "no-such-host.invalid"


class Enough(Exception):  # noqa: N818 - ends a wait that would have no end
    pass


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses that a wait makes, which ends after the eighth."""
    made: list[float] = []

    async def pause(seconds: float) -> None:
        made.append(seconds)
        if len(made) == 8:
            raise Enough

    monkeypatch.setattr(asyncio, "sleep", pause)
    return made


def read_settings(**variables: object) -> Settings:
    return Settings(
        database=DatabaseSettings.model_validate(variables),
        kafka=KafkaSettings(bootstrap_servers=f"{NOWHERE}:9092"),
    )


async def test_a_host_that_is_not_found_is_said_with_growing_pauses(pauses: list[float]) -> None:
    with capture_logs() as logged, pytest.raises(Enough):
        await startup.await_servers(read_settings(DB_HOST=NOWHERE))
    assert {(each["event"], each["error"]) for each in logged} == {
        ("database.awaited", "host not found")
    }
    assert pauses[0] < 0.5
    assert pauses[-1] > 5


async def test_a_refused_connection_is_tried_each_second(pauses: list[float]) -> None:
    with capture_logs() as logged, pytest.raises(Enough):
        await startup.await_servers(read_settings(DB_HOST="127.0.0.1", DB_PORT=1))
    assert {each["error"] for each in logged} == {"connection refused"}
    assert max(pauses) <= 1


async def test_a_broker_whose_host_is_not_found_is_named(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    async def find_no_fault(_: object) -> None: ...

    monkeypatch.setattr(startup, "_check_database", find_no_fault)
    with capture_logs() as logged, pytest.raises(Enough):
        await startup.await_servers(read_settings())
    assert {each["error"] for each in logged} == {f"host not found: {NOWHERE}"}
    assert pauses[-1] > 5
