"""What the auditor reports."""

from dataclasses import dataclass

LOST = "lost"
TWICE = "twice"
COUNTERS = "wrong counters"
DEAD_LETTERS = "unexplained dead letters"
WRONG = "wrong facts"  # or rows: they differ from what was published
HEALTH = "untrue health"  # /ready does not say that a server is frozen, or that it answers again
UNANSWERED = "unanswered posts"
KINDS = (LOST, TWICE, COUNTERS, DEAD_LETTERS, WRONG, HEALTH, UNANSWERED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation of a guarantee, in a sentence."""

    kind: str
    text: str
