"""The application of the messages worker."""

from faststream import FastStream

from services.messages.consumer import service
from shared.delivery.app import create_app as assemble
from shared.settings import Settings


def create_app(settings: Settings) -> FastStream:
    """Build the worker that `chatia worker messages` runs."""
    return assemble(service(settings), settings)
