"""The reasons of dead letters are a closed list, in the code and in the documents."""

import ast
import re
from collections.abc import Iterator

from shared.delivery.dead_letters.reasons import REASONS
from tests.support.sources import ROOT, Source, sources

ROW = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)
# The place of the reason among the arguments of what rejects a record.
REJECTING = {
    "ExceededLimit": 0,
    "Rejected": 0,
    "Reject": 1,
    "RejectWaiting": 1,
    "Unreadable": 1,
    "build_dead_letter": 1,
}


def written_reasons(source: Source) -> Iterator[str]:
    """Yield the reasons that are written out where a record is rejected."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            place = REJECTING.get(ast.unparse(node.func).rpartition(".")[2])
            argument = node.args[place] if place is not None and place < len(node.args) else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def test_every_reason_has_a_row_in_the_document_and_no_other_has_one() -> None:
    text = (ROOT / "docs" / "dead-letters.md").read_text("utf-8")
    rows = ROW.findall(text.split("## Reasons")[1].split("\n## ")[0])
    assert sorted(rows) == sorted(REASONS)


def test_no_record_is_rejected_for_a_reason_that_is_not_on_the_list() -> None:
    written = {
        reason for source in sources("services", "shared") for reason in written_reasons(source)
    }
    assert written - set(REASONS) == set()
    assert len(written) > len(REASONS) / 2


def test_every_reason_on_the_list_is_in_the_code() -> None:
    constants = {
        node.value
        for source in sources("services", "shared")
        if not source.path.endswith("dead_letters/reasons.py")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant)
    }
    assert set(REASONS) <= constants


def test_a_planted_reason_is_found() -> None:
    planted = Source("x.py", "outcome.append(Reject(event, 'no-such-reason', detail))")
    assert list(written_reasons(planted)) == ["no-such-reason"]
