"""Rate control of the bulk path, so that deferred records hardly delay the main path."""

SMALLEST_SLICE, LARGEST_SLICE = 60, 2_000  # records
CALM_BACKLOG = 60  # records between the services; up to this, the next slice may be sent
CONGESTED_BACKLOG = 150  # records between the services; above this, noisy tenants are deferred
SLACK_S = 0.05  # how much longer a slice may take than the smallest ones do
LONGEST_SLICE_S = 0.75  # upper limit for any slice
LONGEST_WAIT_S = 1.0  # after that the next slice is sent in any case
WEIGHT = 0.1  # of a new sample in the moving average of the smallest slices' time


class Pacing:
    """Decides when the next slice of deferred records may be sent, and how large it is.

    A slice is finished when the backlog is at most CALM_BACKLOG again. The next slice is larger if
    it was fast, and half as large if it was slow. Fast means at most SLACK_S longer than the
    smallest slices take, which is the latency through all services on this machine.
    """

    def __init__(self) -> None:
        self.records = SMALLEST_SLICE
        self._since: float | None = None  # since when the last slice runs, or the next one waits
        self._usual_s = LONGEST_SLICE_S

    def may_send(self, backlog: int, now_s: float) -> bool:
        """Return whether the next slice, of `records` records, may be sent now."""
        if self._since is None:
            self._since = now_s if backlog > CALM_BACKLOG else None
            return self._since is None
        took_s = now_s - self._since
        if backlog > CALM_BACKLOG and took_s <= LONGEST_WAIT_S:
            return False
        self._learn(took_s)
        if took_s > min(self._usual_s + SLACK_S, LONGEST_SLICE_S):
            self.records = max(self.records // 2, SMALLEST_SLICE)
        else:
            self.records = min(self.records + self.records // 4 + 1, LARGEST_SLICE)
        self._since = None
        return True

    def mark_sent(self, now_s: float) -> None:
        """Note that a slice was sent."""
        self._since = now_s

    def _learn(self, took_s: float) -> None:
        """Update the usual time of the smallest slices; any faster slice lowers it."""
        if took_s < self._usual_s:
            self._usual_s = took_s
        elif self.records == SMALLEST_SLICE:
            self._usual_s += WEIGHT * (took_s - self._usual_s)
