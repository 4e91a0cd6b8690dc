"""`python -m tests.faults.wrapped_worker SERVICE`: a worker with crash points.

It runs what `chatia worker SERVICE` runs, with a shorter session, so that dead members are noticed
sooner, with a lower threshold for noisy tenants, and with crash points between its steps.
"""

import argparse
import json
import sys
from pathlib import Path

from shared.cli.app import main
from shared.delivery import app as service
from shared.delivery.fairness import noisy_tenants, pacing
from tests.faults import crash_points, seeded_bugs

SESSION_MS = 4_500  # of the group; it decides how long a round waits for a killed worker
CONGESTED_BACKLOG = 15  # records, so few that companies are deferred in most rounds


def run(arguments: list[str]) -> None:
    """Install crash points and a seeded bug, then run the worker."""
    parser = argparse.ArgumentParser()
    parser.add_argument("service")
    parser.add_argument("--orders", type=Path, required=True)
    parser.add_argument("--session-ms", type=int, default=SESSION_MS)
    parser.add_argument("--seeded-bug", choices=seeded_bugs.SEEDED_BUGS, default=None)
    parser.add_argument("--die-at", default=None, metavar="POINT:COUNT")
    given = parser.parse_args(arguments)
    if given.die_at:
        point, _, count = given.die_at.partition(":")
        order = {"id": given.die_at, "point": point, "count": int(count), "signal": 9}
        given.orders.write_text(json.dumps(order), "utf-8")
    service.SESSION_TIMEOUT_MS = given.session_ms
    pacing.CONGESTED_BACKLOG = CONGESTED_BACKLOG
    noisy_tenants.FEW_RECORDS = 0
    if given.seeded_bug:
        seeded_bugs.SEEDED_BUGS[given.seeded_bug]()
    crash_points.install(crash_points.CrashOrder(given.orders))
    sys.argv = ["chatia", "worker", given.service]
    main()


if __name__ == "__main__":
    run(sys.argv[1:])
