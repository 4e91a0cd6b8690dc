"""How fast the bulk lane may go: as much as gets through while the others hardly notice."""

LEAST, MOST = 60, 2_000  # records of a slice
CALM = 60  # records on their way: the next slice may follow
CONGESTED = 150  # records on their way: noisy companies are set aside
SLACK_S = 0.05  # by so much a slice may take longer than the smallest ones do
LONGEST_S = 0.75  # whatever the smallest ones take
PATIENCE_S = 1.0  # then a small slice goes whatever is on its way: nobody waits for ever
WEIGHT = 0.1  # of one more of the smallest slices in what they usually take


class Pace:
    """Lets one slice after another go, each when the one before it is through.

    A slice that was through in time makes the next one larger; one that was late, half as large.
    What is in time depends on what the smallest slices take, which is the way through all
    services on this machine, and not on their size.
    """

    def __init__(self) -> None:
        self.records = LEAST
        self._since: float | None = None  # the last slice went, or the next one waits
        self._usual_s = LONGEST_S

    def lets_go(self, on_the_way: int, now_s: float) -> bool:
        """Tell whether the next slice, of `records`, may go now."""
        if self._since is None:
            self._since = now_s if on_the_way > CALM else None
            return self._since is None
        took_s = now_s - self._since
        if on_the_way > CALM and took_s <= PATIENCE_S:
            return False
        self._learn(took_s)
        if took_s > min(self._usual_s + SLACK_S, LONGEST_S):
            self.records = max(self.records // 2, LEAST)
        else:
            self.records = min(self.records + self.records // 4 + 1, MOST)
        self._since = None
        return True

    def went(self, now_s: float) -> None:
        """Note that a slice went."""
        self._since = now_s

    def _learn(self, took_s: float) -> None:
        """Note what the smallest slices take; a larger one that was quicker tells it too."""
        if took_s < self._usual_s:
            self._usual_s = took_s
        elif self.records == LEAST:
            self._usual_s += WEIGHT * (took_s - self._usual_s)
