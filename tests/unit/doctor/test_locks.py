"""Lock chains: who waits for whom, and who waits for none."""

from shared.doctor.findings import Code, Limits
from shared.doctor.locks import Chain, Member, Waiting, build_chains
from shared.doctor.sessions import Session, judge_chains


def build_session(
    pid: int,
    *blockers: int,
    waited_s: float | None = None,
    state: str = "active",
    transaction_s: float | None = 1.0,
) -> Session:
    return Session(
        pid, "ana", "psql", state, transaction_s, 1.0, "", "UPDATE x", blockers, waited_s, ""
    )


def test_a_chain_begins_with_whom_nobody_blocks() -> None:
    found = build_chains([Waiting(3, (2,), 1.0), Waiting(2, (1,), 5.0), Waiting(4, (1,), 2.0)])
    assert found == [Chain(1, (Member(2, 1), Member(3, 2), Member(4, 1)), 5.0)]


def test_two_holders_are_two_chains_and_the_longer_one_comes_first() -> None:
    found = build_chains([Waiting(2, (1,), 1.0), Waiting(4, (3,), 1.0), Waiting(5, (3,), 1.0)])
    assert [chain.root for chain in found] == [3, 1]


def test_who_waits_for_two_is_once_in_each_chain() -> None:
    found = build_chains([Waiting(3, (1, 2), 1.0)])
    assert [(chain.root, [m.pid for m in chain.members]) for chain in found] == [(1, [3]), (2, [3])]


def test_a_deadlock_is_a_chain_that_ends() -> None:
    found = build_chains([Waiting(1, (2,), 1.0), Waiting(2, (1,), 1.0)])
    assert [(chain.root, [m.pid for m in chain.members]) for chain in found] == [(1, [2])]


def test_nobody_waits_without_chains() -> None:
    assert build_chains([]) == []


def test_only_long_waits_are_found_and_their_holder_is_named() -> None:
    sessions = [
        build_session(1, state="idle in transaction"),
        build_session(2, 1, waited_s=2.0),
        build_session(3, 2, waited_s=90.0),
    ]
    assert judge_chains(sessions[:2], Limits()) == []
    (found,) = judge_chains(sessions, Limits())
    assert found.code is Code.LOCK_CHAIN
    assert "process 1 (psql as ana), idle in transaction, blocks 2 sessions" in found.sentence
    assert "90 s" in found.sentence
    assert "chatia db cancel 1 --terminate" in found.fix


def test_a_holder_that_is_no_session_is_named_all_the_same() -> None:
    (found,) = judge_chains([build_session(3, 0, waited_s=90.0)], Limits())
    assert "of another database or prepared" in found.sentence
