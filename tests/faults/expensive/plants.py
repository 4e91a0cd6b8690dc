"""Bugs that the search has to find, planted in the process that weighs payloads."""

from shared.gateways import reading

STEP = 4  # characters


def slow_texts() -> None:
    """Have a gateway's texts looked through from many places, which is quadratic."""
    cleaned = reading.cleaned

    def slow(text: str) -> str:
        for start in range(0, len(text), STEP):
            text.find("\x00", start)
        return cleaned(text)

    reading.cleaned = slow
