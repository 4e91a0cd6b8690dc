"""Structured logs of this product and of its libraries."""

import logging
import sys
import time

import structlog
from typing_extensions import override

from shared.settings import LogSettings

REPEATS_S = 10.0


class RepeatFilter(logging.Filter):
    """A filter that logs each message of a library once per REPEATS_S, with the dropped count.

    While a broker is unavailable, aiokafka logs many failed attempts per second.
    """

    def __init__(self, library: str) -> None:
        super().__init__()
        self._library = library
        self._passed: dict[str, tuple[float, int]] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._library):
            return True
        now = time.monotonic()
        message = str(record.msg)
        at, dropped = self._passed.get(message, (-REPEATS_S, 0))
        if now - at < REPEATS_S:
            self._passed[message] = at, dropped + 1
            return False
        self._passed[message] = now, 0
        if dropped:
            record.msg = f"{message} (and {dropped} times before)"
        return True


def _build_console_renderer() -> structlog.dev.ConsoleRenderer:
    """Return a renderer with plain tracebacks: rich ones show local variables, such as messages."""
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def configure(settings: LogSettings) -> None:
    """Configure logs to standard error, one line per event: coloured text, or JSON."""
    common_processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*common_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.format == "json"
        else [_build_console_renderer()]
    )
    handler = logging.StreamHandler()
    handler.addFilter(RepeatFilter("aiokafka"))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common_processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for library in ("aiokafka", "faststream", "asyncio"):
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))
