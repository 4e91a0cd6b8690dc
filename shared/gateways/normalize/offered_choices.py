"""Formats what an interactive message offers: rows of lists, buttons and keys to pay to."""

from collections.abc import Iterator

from shared.gateways.normalize.json_values import (
    JsonObject,
    join_lines,
    read_object,
    read_objects,
    read_text,
)


def list_rows(content: JsonObject) -> Iterator[str]:
    """Yield the titles of the rows in the sections of a list."""
    for section in read_objects(content.get("sections")):
        for row in read_objects(section.get("rows")):
            yield read_text(row, "title")


def list_flow_choices(parameters: JsonObject) -> Iterator[str]:
    """Yield what a button of a native flow offers: its label, rows of its list, and PIX keys."""
    yield read_text(parameters, "display_text", "flow_cta", "title")
    yield from list_rows(parameters)
    for way in read_objects(parameters.get("payment_settings")):
        for kind in ("pix_static_code", "pix_dynamic_code"):
            yield _format_pix(read_object(way, kind))


_LONGEST_KIND = 20  # characters; known are CPF, CNPJ, EMAIL, PHONE and EVP


def _format_pix(pix: JsonObject) -> str:
    key, kind = read_text(pix, "key").strip(), read_text(pix, "key_type").strip().upper()
    name = f"PIX {kind[:_LONGEST_KIND]}".strip()  # digits alone may be a CPF or a telephone
    return join_lines(read_text(pix, "merchant_name"), f"{name}: {key}" if key else "")
