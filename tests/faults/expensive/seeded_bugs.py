"""Seeded bugs that the search must find, in the process that measures payloads."""

from shared.gateways.normalize import json_values

STEP = 1  # characters


def slow_down_texts() -> None:
    """Search a gateway's texts from many positions, which takes quadratic time."""
    clean_text = json_values.clean_text

    def slow(value: str) -> str:
        for start in range(0, len(value), STEP):
            value.find("\x00", start)
        return clean_text(value)

    json_values.clean_text = slow
