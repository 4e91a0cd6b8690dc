"""Every gateway that can be understood, by name."""

from collections.abc import Callable

from pydantic import JsonValue, ValidationError

from shared.contracts.gateway import EvolutionRecord
from shared.contracts.trouble import first_trouble
from shared.gateways import (
    baileys,
    cloud_api,
    evolution,
    evolution_go,
    waha,
    whatsapp_web_js,
    wppconnect,
)
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Translation, Unreadable

Translate = Callable[[JsonValue, Line], Translation]


class UnknownGatewayError(LookupError):
    """No gateway of this name is known."""


def _evolution(payload: JsonValue, line: Line) -> Translation:
    # What is posted is of its address' line, whichever server and instance the envelope names.
    posted = {**payload, "instance": "", "server_url": ""} if isinstance(payload, dict) else payload
    try:
        record = EvolutionRecord.model_validate(posted)
    except ValidationError as error:
        return Translation(unreadable=(Unreadable(first_trouble(error)[:LONGEST_DETAIL]),))
    return evolution.translate(record, line)


GATEWAYS: dict[str, Translate] = {
    "cloud-api": cloud_api.translate,
    "evolution": _evolution,
    "waha": waha.translate,
    "whatsapp-web-js": whatsapp_web_js.translate,
    "wppconnect": wppconnect.translate,
    "evolution-go": evolution_go.translate,
    "baileys": baileys.translate,
}


def translate(gateway: str, payload: JsonValue, line: Line) -> Translation:
    """Say what one decoded payload of the named gateway means on a line of a company."""
    known = GATEWAYS.get(gateway)
    if known is None:
        raise UnknownGatewayError(f"no gateway {gateway!r}; known are {', '.join(GATEWAYS)}")
    return known(payload, line)
