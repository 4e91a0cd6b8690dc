"""The generated files of the published contract, and what they hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from shared.event_docs import asyncapi, samples, topics_html, topics_page

DOCS: Final = Path(__file__).parents[2] / "docs"

# In this order: the documents show the samples of the copy.
FILES: Final[dict[Path, Callable[[], str]]] = {
    samples.COPY: samples.build_copy,
    DOCS / "asyncapi.json": asyncapi.build_text,
    DOCS / "topics.md": topics_page.build_page,
    DOCS / "topics.html": topics_html.build_page,
}


def write() -> None:
    """Write all of them."""
    for path, build in FILES.items():
        path.write_text(build(), "utf-8")
