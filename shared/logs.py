"""Structured logs, once for our own records and those of the libraries."""

import logging
import sys
import time

import structlog
from typing_extensions import override

from shared.settings import Settings

REPEATS_S = 10.0


class OnceInAWhile(logging.Filter):
    """Lets each kind of line of a library through once in a while; it says how many there were.

    aiokafka complains at every attempt while a broker is away: many times a second, for hours.
    """

    def __init__(self, library: str) -> None:
        super().__init__()
        self._library = library
        self._said: dict[str, tuple[float, int]] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._library):
            return True
        now = time.monotonic()
        kind = str(record.msg)
        at, unsaid = self._said.get(kind, (-REPEATS_S, 0))
        if now - at < REPEATS_S:
            self._said[kind] = at, unsaid + 1
            return False
        self._said[kind] = now, 0
        if unsaid:
            record.msg = f"{kind} (and {unsaid} times before)"
        return True


def _console() -> structlog.dev.ConsoleRenderer:
    """Render for people, with plain tracebacks: rich ones show local variables, people's words."""
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def configure(settings: Settings) -> None:
    """Write one line an event to standard error: coloured for people, or JSON for machines."""
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [_console()]
    )
    handler = logging.StreamHandler()
    handler.addFilter(OnceInAWhile("aiokafka"))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("aiokafka", "faststream", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
