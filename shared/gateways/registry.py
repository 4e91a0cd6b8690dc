"""Every gateway that can be understood, by name."""

from collections.abc import Callable

from pydantic import JsonValue, ValidationError

from shared.contracts.gateway import EvolutionRecord
from shared.contracts.trouble import first_trouble
from shared.gateways import evolution
from shared.gateways.outcome import LONGEST_DETAIL, Translation, Unreadable

Translate = Callable[[JsonValue, int, int], Translation]


class UnknownGatewayError(LookupError):
    """No gateway of this name is known."""


def _evolution(payload: JsonValue, company_id: int, whatsapp_id: int) -> Translation:
    try:
        record = EvolutionRecord.model_validate(payload)
    except ValidationError as error:
        return Translation(unreadable=(Unreadable(first_trouble(error)[:LONGEST_DETAIL]),))
    return evolution.translate(record, company_id=company_id, whatsapp_id=whatsapp_id)


GATEWAYS: dict[str, Translate] = {"evolution": _evolution}


def translate(
    gateway: str, payload: JsonValue, *, company_id: int, whatsapp_id: int
) -> Translation:
    """Say what one decoded payload of the named gateway means on a line of a company."""
    known = GATEWAYS.get(gateway)
    if known is None:
        raise UnknownGatewayError(f"no gateway {gateway!r}; known are {', '.join(GATEWAYS)}")
    return known(payload, company_id, whatsapp_id)
