"""How fast the bulk lane may go: as much as gets through while the others hardly notice."""

LEAST, MOST = 60, 2_000  # records of a slice
CALM = 60  # records on their way: the next slice may follow
CONGESTED = 150  # records on their way: noisy companies are set aside
CYCLE_S = 0.25  # a slice should be through after so long
PATIENCE_S = 1.0  # then a small slice goes whatever is on its way: nobody waits for ever


class Pace:
    """Lets one slice after another go, each when the one before it is through.

    A slice that was through in time makes the next one larger; one that was late, half as large.
    """

    def __init__(self) -> None:
        self.records = LEAST
        self._since: float | None = None  # the last slice went, or the next one waits

    def lets_go(self, on_the_way: int, now_s: float) -> bool:
        """Tell whether the next slice, of `records`, may go now."""
        if self._since is None:
            self._since = now_s if on_the_way > CALM else None
            return self._since is None
        took_s = now_s - self._since
        if on_the_way > CALM and took_s <= PATIENCE_S:
            return False
        if took_s > CYCLE_S:
            self.records = max(self.records // 2, LEAST)
        else:
            self.records = min(self.records + self.records // 4 + 1, MOST)
        self._since = None
        return True

    def went(self, now_s: float) -> None:
        """Note that a slice went."""
        self._since = now_s
