"""`python -m tests.faults.wrapped_worker SERVICE`: a worker's own entry, with traps in it.

It runs what `chatia worker SERVICE` runs. Only the session is shorter, so that a dead member is
missed sooner, companies are set aside for less, and the points between a worker's steps can be
made to strike.
"""

import argparse
import json
import sys
from pathlib import Path

from shared.cli.app import main
from shared.delivery import noise, pace, service
from tests.faults import plants, traps

SESSION_MS = 4_500  # so that a round does not wait longer for a dead member than for all else
CROWDED = 15  # records on their way, so that companies are set aside in most rounds


def run(arguments: list[str]) -> None:
    """Wrap, then hand over to the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("service")
    parser.add_argument("--orders", type=Path, required=True)
    parser.add_argument("--session-ms", type=int, default=SESSION_MS)
    parser.add_argument("--plant", choices=plants.PLANTS, default=None)
    parser.add_argument("--die-at", default=None, metavar="POINT:COUNT")
    given = parser.parse_args(arguments)
    if given.die_at:
        point, _, count = given.die_at.partition(":")
        order = {"id": given.die_at, "point": point, "count": int(count), "signal": 9}
        given.orders.write_text(json.dumps(order), "utf-8")
    service.SESSION_TIMEOUT_MS = given.session_ms
    pace.CONGESTED = CROWDED
    noise.FEW = 0
    if given.plant:
        plants.PLANTS[given.plant]()
    traps.lay(traps.Trap(given.orders))
    sys.argv = ["chatia", "worker", given.service]
    main()


if __name__ == "__main__":
    run(sys.argv[1:])
