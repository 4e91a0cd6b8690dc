"""Chains of sessions that wait for locks. Pure: from process ids alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """A session that waits: whom it waits for, and for how many seconds it has."""

    pid: int
    blockers: tuple[int, ...]
    waited_s: float


@dataclass(frozen=True, slots=True)
class Member:
    """A session in a chain: how many sessions are between it and the root."""

    pid: int
    depth: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A session that waits for none, and all that wait for it, each after whom it waits for."""

    root: int
    members: tuple[Member, ...]
    longest_s: float


def build_chains(waiting: Iterable[Waiting]) -> list[Chain]:
    """Return the chains, the one with the most sessions first.

    A session that waits for several is a member once in each chain. Sessions of a deadlock wait for
    each other; their chain begins with the lowest process id, until Postgres ends one of them.
    """
    by_pid = {each.pid: each for each in waiting}
    chains, seen = [], set[int]()
    for root in [*_list_roots(by_pid), *sorted(by_pid)]:
        if root in seen:
            continue
        members = tuple(_follow(by_pid, root, 1, {root}))
        seen |= {root, *(member.pid for member in members)}
        longest = max((by_pid[member.pid].waited_s for member in members), default=0.0)
        chains.append(Chain(root, members, longest))
    return sorted(chains, key=lambda chain: (-len(chain.members), chain.root))


def _list_roots(by_pid: dict[int, Waiting]) -> list[int]:
    blockers = {blocker for each in by_pid.values() for blocker in each.blockers}
    return sorted(blockers - by_pid.keys())


def _follow(by_pid: dict[int, Waiting], pid: int, depth: int, seen: set[int]) -> Iterator[Member]:
    for each in sorted(by_pid.values(), key=lambda other: (-other.waited_s, other.pid)):
        if pid in each.blockers and each.pid not in seen:
            seen.add(each.pid)
            yield Member(each.pid, depth)
            yield from _follow(by_pid, each.pid, depth + 1, seen)
