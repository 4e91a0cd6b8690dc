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
