"""Rules of message templates: whether one may be sent, and the text that it shows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.messages.domain.routes import Route
from shared.contracts.message_content import MessageTemplate
from shared.contracts.message_request import MessageCompose

UNKNOWN_TEMPLATE, NOT_APPROVED = "unknown-template", "template-not-approved"
WRONG_PARAMETERS = "template-parameters"
APPROVED = "APPROVED"  # "MessageTemplates".status, in Meta's spelling
_PLACEHOLDER = re.compile(r"\{\{([A-Za-z0-9_]+)\}\}")


class TemplateKey(NamedTuple):
    """Key of a template of a line."""

    company_id: int
    whatsapp_id: int
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class KnownTemplate:
    """A template as it is registered; a text is None if it is not known or absent."""

    status: str
    header: str | None
    body: str | None
    footer: str | None


def get_template_key(request: MessageCompose, template: MessageTemplate) -> TemplateKey:
    """Return the key of the template of a request."""
    return TemplateKey(request.company_id, request.whatsapp_id, template.name, template.language)


def find_template_refusal(
    template: MessageTemplate, known: KnownTemplate | None, route: Route
) -> str:
    """Return why a template cannot be sent; empty if it can.

    Meta must have approved it; for other gateways, which get its text, the text must be known.
    """
    if known is None or (known.body is None and not route.is_official):
        return UNKNOWN_TEMPLATE
    if route.is_official and known.status.upper() != APPROVED:
        return NOT_APPROVED
    return "" if _fits(template, known) else WRONG_PARAMETERS


def render_template(template: MessageTemplate, known: KnownTemplate) -> str:
    """Return the text of a template with its parameters: header, body and footer."""
    header = template.header.text if template.header else None
    values = _name_parameters(template)
    parts = (
        _fill(
            known.header, {} if header is None else dict.fromkeys(_find_names(known.header), header)
        ),
        _fill(known.body, values),
        known.footer or "",
    )
    return "\n\n".join(part for part in parts if part)


def _fits(template: MessageTemplate, known: KnownTemplate) -> bool:
    """Return whether each placeholder of the known texts has a parameter, and the reverse."""
    header = template.header.text if template.header else None
    if known.header is not None and bool(_find_names(known.header)) != (header is not None):
        return False
    return known.body is None or _find_names(known.body) == _name_parameters(template).keys()


def _name_parameters(template: MessageTemplate) -> dict[str, str]:
    return {
        parameter.name or str(number): parameter.text
        for number, parameter in enumerate(template.body, 1)
    }


def _find_names(text: str | None) -> set[str]:
    return set(_PLACEHOLDER.findall(text or ""))


def _fill(text: str | None, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text or "")
