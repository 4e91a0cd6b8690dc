"""The tickets worker's application: the only place where its parts meet."""

from faststream import FastStream

from services.tickets.consumer import service
from shared.delivery.service import create_app as assemble
from shared.settings import Settings


def create_app(settings: Settings) -> FastStream:
    """Make the worker; `chatia worker tickets` runs it."""
    return assemble(service(settings), settings)
