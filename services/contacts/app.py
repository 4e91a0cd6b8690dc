"""The application of the contacts worker."""

from faststream import FastStream

from services.contacts.consumer import service
from shared.delivery.app import create_app as assemble
from shared.settings import Settings


def create_app(settings: Settings) -> FastStream:
    """Build the worker that `chatia worker contacts` runs."""
    return assemble(service(settings), settings)
