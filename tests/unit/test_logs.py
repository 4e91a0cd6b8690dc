"""What logs contain, and how repetitions are shortened."""

import logging

import pytest

from shared import logs
from shared.settings import LogSettings


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_local_variables(
    log_format: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    logs.configure(LogSettings.model_validate({"CHATIA_LOG_FORMAT": log_format}))
    body = "palavras do cliente"
    try:
        len(1)  # type: ignore[arg-type]  # to raise
    except TypeError:
        logging.getLogger("chatia.test").exception("batch.postponed")
    shown = capsys.readouterr().err
    assert "TypeError" in shown
    assert body not in shown


def test_a_repeated_message_of_a_library_is_logged_once_with_the_number_of_repetitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    repeat_filter = logs.RepeatFilter("aiokafka")

    def log(name: str, message: str, *values: object) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, "", 1, message, values, None)
        return record.getMessage() if repeat_filter.filter(record) else None

    assert log("aiokafka.consumer", "No node %s", 1) == "No node 1"
    assert [log("aiokafka", "No node %s", number) for number in (1, 2)] == [None, None]
    assert log("aiokafka", "No group") == "No group"
    assert [log("chatia.worker", "batch.committed") for _ in "12"] == ["batch.committed"] * 2
    now += logs.REPEATS_S
    assert log("aiokafka", "No node %s", 1) == "No node 1 (and 2 times before)"
