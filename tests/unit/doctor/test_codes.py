"""The list of findings is closed: each is documented, and each is provoked by a test."""

import re

import pytest

from shared.doctor.findings import (
    Code,
    count,
    format_bytes,
    format_seconds,
    quote_argument,
)
from tests.support.sources import ROOT, sources

NAMED = re.compile(r"\bCode\.([A-Z_]+)\b")
ROW = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)


def test_every_finding_has_a_row_in_the_document_and_no_other() -> None:
    page = (ROOT / "docs" / "database.md").read_text("utf-8")
    section = page.partition("\n## Trouble-shooting\n")[2].partition("\n## ")[0]
    assert sorted(ROW.findall(section)) == sorted(Code)


def test_every_finding_is_provoked_at_a_server() -> None:
    """Or at a socket that answers like one, if there is no connection."""
    named = {
        name
        for source in sources("tests")
        if "integration/" in source.path or source.path.endswith("test_connecting.py")
        for name in NAMED.findall(source.text)
    }
    assert {code.name for code in Code} - named == set()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (count(1, "row"), "1 row"),
        (count(12_000, "row"), "12,000 rows"),
        (format_bytes(0), "0 B"),
        (format_bytes(1536), "1.5 kB"),
        (format_bytes(20 * 2**20), "20 MB"),
        (format_bytes(3 * 2**40), "3.0 TB"),
        (format_seconds(45.2), "45 s"),
        (format_seconds(600), "10 min"),
        (format_seconds(7200), "2 h"),
        (format_seconds(864_000), "10 days"),
        (quote_argument("chatia_1"), "chatia_1"),
        (quote_argument("my db"), "'my db'"),
    ],
)
def test_figures_have_units(shown: str, expected: str) -> None:
    assert shown == expected
