"""FastStream application of the tickets worker."""

from faststream import FastStream

from services.tickets.consumer import service
from shared.delivery.app import create_app as assemble
from shared.settings import Settings


def create_app(settings: Settings) -> FastStream:
    """Build the application that `chatia worker tickets` runs."""
    return assemble(service(settings), settings)
