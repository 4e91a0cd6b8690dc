"""What the auditor complains of."""

from dataclasses import dataclass

LOST = "lost"
TWICE = "twice"
COUNTERS = "wrong counters"
LETTERS = "unexplained letters"
UNTRUE = "untrue"  # told but not so, or a row that is not as what was published
KINDS = (LOST, TWICE, COUNTERS, LETTERS, UNTRUE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise, in a sentence."""

    kind: str
    text: str
