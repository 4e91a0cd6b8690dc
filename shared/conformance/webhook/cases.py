"""All cases of one gateway: its kinds with every oddity, and what HTTP allows and forbids."""

from collections.abc import Iterator
from itertools import count

from shared.conformance.report import Level
from shared.conformance.webhook import addresses, authentication, bodies
from shared.conformance.webhook.case import (
    CASES,
    LIMITS,
    STATUSES,
    TRANSLATION,
    Case,
    MakeMark,
    Target,
)
from shared.conformance.webhook.kinds import BATCHES, KINDS
from shared.conformance.webhook.oddities import ODDITIES, TEXT_ODDITIES, encode
from shared.conformance.webhook.posts import TAKEN, build_post

BATCH = 1_000  # statuses; as many as Meta puts into one post
REPETITIONS = 5


def list_cases(target: Target, prefix: str) -> list[Case]:
    """Return the cases of a gateway in a fixed order; message ids begin with `prefix`.

    The same target and prefix give the same cases.
    """
    numbers = count(1)

    def make_mark() -> str:
        return f"{prefix}{next(numbers):04d}"

    return [
        *_build_odd_payloads(target, make_mark),
        *_build_repetitions(target, make_mark),
        *_build_batches(target, make_mark),
        *authentication.build_cases(target, make_mark),
        *bodies.build_cases(target, make_mark),
        *addresses.build_cases(target, make_mark),
    ]


def build_probe(target: Target, mark: str) -> Case:
    """Return the case of a valid text, to find out whether a connection is still usable."""
    body = encode(KINDS[target.gateway]["text"](mark))
    return Case(
        "connection", "a valid text", Level.MUST, (build_post(target, body),), TAKEN, CASES, mark
    )


def _build_odd_payloads(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    for kind, build in KINDS[target.gateway].items():
        oddities = ODDITIES | (TEXT_ODDITIES if kind == "text" else {})
        for name, write in oddities.items():
            mark = make_mark()
            posts = (build_post(target, write(build(mark))),)
            yield Case(
                "payloads", f"{kind}, {name}", Level.MUST, posts, TAKEN, TRANSLATION, mark
            )  # fmt: skip


def _build_repetitions(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    kinds = KINDS[target.gateway]
    for kind, build in kinds.items():
        mark = make_mark()
        posts = (build_post(target, encode(build(mark))),) * REPETITIONS
        name = f"{kind}, the same payload {REPETITIONS} times"
        yield Case("order", name, Level.MUST, posts, TAKEN, STATUSES, mark)
    for change in ("ack", "edit", "delete", "reaction"):
        mark = make_mark()
        bodies_in_order = [encode(kinds[kind](mark)) for kind in (change, "text", change)]
        posts = tuple(build_post(target, body) for body in bodies_in_order)
        name = f"{change} before its message and after it"
        yield Case("order", name, Level.MUST, posts, TAKEN, TRANSLATION, mark)


def _build_batches(target: Target, make_mark: MakeMark) -> Iterator[Case]:
    build = BATCHES.get(target.gateway)
    if build is None:
        return
    for size, level in ((1, Level.MUST), (BATCH, Level.MUST), (3_001, Level.SHOULD)):
        mark = make_mark()
        body = encode(build(mark, size))
        if len(body) > target.max_bytes:
            continue
        posts = (build_post(target, body),)
        name = f"one post of {size:,} parts"
        yield Case("batches", name, level, posts, TAKEN, LIMITS, mark, then_probe=True)
