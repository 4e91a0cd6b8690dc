"""What may stand in a log, and what may not."""

import logging

import pytest

from shared import logs
from shared.settings import Settings


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_local_variables(
    log_format: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    logs.configure(Settings().model_copy(update={"log_format": log_format}))
    body = "palavras do cliente"
    try:
        len(1)  # type: ignore[arg-type]
    except TypeError:
        logging.getLogger("chatia.test").exception("batch.postponed")
    shown = capsys.readouterr().err
    assert "TypeError" in shown
    assert body not in shown


def test_a_library_that_repeats_itself_is_heard_once_and_its_lines_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    once = logs.OnceInAWhile("aiokafka")

    def said(name: str, message: str, *values: object) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, "", 1, message, values, None)
        return record.getMessage() if once.filter(record) else None

    assert said("aiokafka.consumer", "No node %s", 1) == "No node 1"
    assert [said("aiokafka", "No node %s", number) for number in (1, 2)] == [None, None]
    assert said("aiokafka", "No group") == "No group"
    assert [said("chatia.worker", "batch.carried") for _ in "12"] == ["batch.carried"] * 2
    now += logs.REPEATS_S
    assert said("aiokafka", "No node %s", 1) == "No node 1 (and 2 times before)"
