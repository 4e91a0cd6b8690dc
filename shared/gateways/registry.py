"""The gateways that can be translated, by name.

Each gateway has a folder with `events.py`: the table of its event names and `translate`. A new
event type goes there. What several gateways share is in `proto_message/` (the protobuf form) and
`whatsapp_web/` (the form of WhatsApp Web); what all need is in `normalize/`.
"""

from collections.abc import Callable

from pydantic import JsonValue, ValidationError

from shared.contracts.error_texts import describe_first_error
from shared.contracts.gateway import EvolutionRecord
from shared.gateways.baileys import events as baileys
from shared.gateways.cloud_api import events as cloud_api
from shared.gateways.evolution import events as evolution
from shared.gateways.evolution_go import events as evolution_go
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import LONGEST_DETAIL, Translation, Unreadable
from shared.gateways.recognition import recognize_gateway
from shared.gateways.waha import events as waha
from shared.gateways.whatsapp_web_js import events as whatsapp_web_js
from shared.gateways.wppconnect import events as wppconnect

Translate = Callable[[JsonValue, Line], Translation]


class UnknownGatewayError(LookupError):
    """The gateway name is not in `GATEWAYS`."""


def _translate_evolution(payload: JsonValue, line: Line) -> Translation:
    # A post belongs to the line in its URL, whatever server and instance its envelope has.
    posted = {**payload, "instance": "", "server_url": ""} if isinstance(payload, dict) else payload
    try:
        record = EvolutionRecord.model_validate(posted)
    except ValidationError as error:
        return Translation(unreadable=(Unreadable(describe_first_error(error)[:LONGEST_DETAIL]),))
    return evolution.translate(record, line)


GATEWAYS: dict[str, Translate] = {
    "cloud-api": cloud_api.translate,
    "evolution": _translate_evolution,
    "waha": waha.translate,
    "whatsapp-web-js": whatsapp_web_js.translate,
    "wppconnect": wppconnect.translate,
    "evolution-go": evolution_go.translate,
    "baileys": baileys.translate,
}


def translate(gateway: str, payload: JsonValue, line: Line) -> Translation:
    """Translate one decoded payload of the named gateway for a line.

    A payload with the shape of another gateway is unreadable as a whole, `wrong-gateway`. Raise
    `UnknownGatewayError` for an unknown name.
    """
    translator = GATEWAYS.get(gateway)
    if translator is None:
        raise UnknownGatewayError(f"no gateway {gateway!r}; known are {', '.join(GATEWAYS)}")
    looks_like = recognize_gateway(payload)
    if looks_like not in (gateway, None):
        detail = (
            f"this looks like {looks_like}'s, but was posted to /gateways/{gateway}/; correct the "
            "address in the gateway"
        )
        return Translation(unreadable=(Unreadable(detail, "wrong-gateway"),))
    return translator(payload, line)
