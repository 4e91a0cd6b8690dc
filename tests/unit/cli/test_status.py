"""`chatia status` without servers, and its text and JSON."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from rich.console import Console

from shared.cli import app
from shared.cli import status as command
from shared.cli.signals import StopSignalError
from shared.cli.status_text import build_json, build_text
from shared.settings import DatabaseSettings, KafkaSettings, Settings
from shared.status.figures import DeadLetterCount, PurgeProgress, Server, Stage, Status
from shared.status.read import read_status
from tests.support.probes import free_port
from tests.support.statuses import NOON, build_status, build_worker

WITHIN_S = 5.0
Run = Callable[..., tuple[int, str, str]]
SOME = build_status(
    stages=(
        Stage("contacts", "message.received", 5, 61.44),
        Stage("contacts", "contacts.requests", 0, 0.0),
    ),
    workers=(build_worker(), build_worker(version="", report_age_s=None)),
    dead_letters=(DeadLetterCount("contacts", "poison", 2),),
    purges=(PurgeProgress(1, 12, "Companies", NOON, 5),),
)


def print_text(status: Status, *problems: str) -> list[list[str]]:
    """Return the words of each line, as they are printed where there is no terminal."""
    console = Console(width=200, markup=False)
    with console.capture() as captured:
        console.print(build_text(status, problems))
    return [line.split() for line in captured.get().splitlines() if line.strip()]


@asynccontextmanager
async def frozen_server() -> AsyncIterator[int]:
    """Listen on a port, and never answer, as a stopped process does."""

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def build_settings(kafka: int, postgres: int) -> Settings:
    url = f"postgresql://chatia@127.0.0.1:{postgres}/chatia"
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{kafka}"),
        database=DatabaseSettings.model_validate({"DATABASE_URL": url}),
    )


async def test_frozen_servers_are_named_within_five_seconds() -> None:
    async with frozen_server() as kafka, frozen_server() as postgres:
        started = time.monotonic()
        status = await read_status(build_settings(kafka, postgres))
        assert time.monotonic() - started < WITHIN_S
    assert (status.kafka.problem, status.postgres.problem) == ("no answer in time",) * 2
    assert (list(status.stages), status.members["tickets"]) == ([], None)


async def test_servers_that_are_not_there_are_named_at_once() -> None:
    status = await read_status(build_settings(free_port(), free_port()))
    assert status.kafka.problem.startswith("no broker at 127.0.0.1:")
    assert "Connect call failed" in status.postgres.problem


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `chatia status` on a made-up status; return exit code, output and errors."""

    def run_on(status: Status, *words: str) -> tuple[int, str, str]:
        async def read(_: Settings) -> Status:
            return status

        monkeypatch.setattr(command, "read_status", read)
        monkeypatch.setattr(sys, "argv", ["chatia", "status", *words])
        with pytest.raises(SystemExit) as ended:
            app.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run_on


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(build_status(), 0, id="all is well"),
        pytest.param(build_status(oldest_unsent_s=601.0), 1, id="for an operator"),
        pytest.param(build_status(kafka=Server("Kafka", "frozen")), 3, id="no answer"),
    ],
)
def test_the_exit_code_says_whether_an_operator_is_needed(
    run: Run, status: Status, code: int
) -> None:
    assert run(status)[0] == code
    assert run(status, "--json")[0] == code


def test_limits_are_options(run: Run) -> None:
    late = build_status(stages=(Stage("contacts", "message.received", 5, 20.0),))
    assert run(late)[0] == 0
    assert run(late, "--max-lateness", "19")[0] == 1
    letters = build_status(dead_letters=(DeadLetterCount("contacts", "poison", 2),))
    assert run(letters, "--max-dead-letters", "2")[0] == 0
    assert run(letters, "--max-dead-letters", "1")[0] == 1


def test_a_wrong_address_of_kafka_is_a_usage_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:b")
    code, _, error = run(build_status())
    assert (code, "KAFKA_BOOTSTRAP_SERVERS=a:b" in error) == (2, True)


def test_watching_prints_a_block_or_a_line_per_refresh_until_it_is_stopped(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) % 3 == 0:
            raise StopSignalError

    monkeypatch.setattr(time, "sleep", wait)
    code, printed, _ = run(build_status(), "--watch")
    assert (code, printed.count("all is well"), waits) == (0, 3, [2.0] * 3)
    code, printed, _ = run(build_status(), "--watch", "--json")
    assert code == 0
    assert [json.loads(line)["isWell"] for line in printed.splitlines()] == [True] * 3


def test_the_text_begins_with_what_needs_an_operator() -> None:
    lines = print_text(SOME, "No worker of messages runs.")
    assert lines[0][-4:] == ["1", "to", "look", "at"]
    assert lines[1] == ["No", "worker", "of", "messages", "runs."]
    assert print_text(SOME)[0][-3:] == ["all", "is", "well"]


def test_the_text_has_a_row_for_each_figure() -> None:
    lines = print_text(SOME)
    assert ["contacts", "1", "5", "61.4", "s"] in lines
    assert ["message.received", "contacts", "5", "61.4", "s"] in lines
    assert ["contacts", "poison", "2"] in lines
    assert ["tickets", "alpha", "7", "1.2.3", "6", "ok", "2", "s", "ago"] in lines
    assert ["tickets", "alpha", "7", "?", "6", "ok", "never"] in lines
    assert ["1", "12", "Companies", "2026-08-20T12:00Z", "5"] in lines
    assert not any("contacts.requests" in line for line in lines)  # it is not late


def test_what_is_not_known_is_no_number() -> None:
    down = Server("Postgres", "no answer in time")
    stages = (Stage("contacts", "message.received", None, None),)
    lines = print_text(build_status(postgres=down, stages=stages, oldest_unsent_s=None))
    assert ["contacts", "1", "?", "?"] in lines
    assert lines[-1][:4] == ["lines", "by", "status:", "?;"]


def test_the_json_has_the_same_figures_with_stable_names() -> None:
    figures = json.loads(json.dumps(build_json(SOME, ["x"])))
    assert (figures["isWell"], figures["problems"]) == (False, ["x"])
    assert figures["kafka"] == {"name": "Kafka", "problem": "", "isUp": True}
    assert figures["members"]["contacts"] == 1
    assert figures["stages"][0] == {
        "service": "contacts", "topic": "message.received", "backlog": 5, "latenessSeconds": 61.44,
    }  # fmt: skip
    assert figures["workers"][0]["reportAgeSeconds"] == 2.0
    assert figures["oldestUnsentSeconds"] == 0.0
    assert figures["purges"][0]["since"] == "2026-08-20T12:00:00+00:00"


@pytest.mark.parametrize("member", ["deadLetters", "deferred", "lines", "quarantines"])
def test_every_list_is_there_if_it_is_empty(member: str) -> None:
    assert build_json(build_status(), [])[member] == []
