"""Checks across records: contents and ids of messages, echoes, order, partitions and clocks."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

from shared.conformance.report import Check
from shared.conformance.topic.faults import build_check
from shared.conformance.topic.read_record import ReadRecord
from shared.conformance.topic.record_checks import (
    TOLERANCE,
    describe_record,
    is_zone,
    mask_key,
    mask_wid,
    read_record_time,
    read_time,
)
from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageAcked
from shared.contracts.send_result import MessageSent

LEAST_FOR_A_ZONE = 3  # messages that all are as late, for their clock to be in another zone

_Key = TypeVar("_Key", bound=Hashable)


def check_history(reads: Sequence[ReadRecord]) -> list[Check]:
    """Return the checks of all records of a run together."""
    messages = [read for read in reads if isinstance(read.event, MessageReceived)]
    return [
        *_check_contents(messages),
        *_check_duplicates(messages),
        *_check_order(messages),
        *_check_clock(messages),
        *_check_partitions(reads),
        *_check_echoes(reads),
    ]


def _group(
    reads: Iterable[ReadRecord], find_key: Callable[[ReadRecord], _Key]
) -> dict[_Key, list[ReadRecord]]:
    groups: dict[_Key, list[ReadRecord]] = defaultdict(list)
    for read in reads:
        groups[find_key(read)].append(read)
    return groups


def _read_message(read: ReadRecord) -> MessageReceived:
    if not isinstance(read.event, MessageReceived):
        raise TypeError("a message is wanted")
    return read.event


def _read_content(read: ReadRecord) -> tuple[object, ...]:
    """Return what never changes in a message, except that a placeholder gets its content."""
    event = _read_message(read)
    return event.chat, event.from_me, event.participant, read_time(read), event.body


def _find_message_id(read: ReadRecord) -> tuple[int, int, str]:
    event = _read_message(read)
    return event.company_id, event.whatsapp_id, event.wid


def _check_contents(messages: Iterable[ReadRecord]) -> Iterator[Check]:
    shown = [read for read in messages if not _read_message(read).is_placeholder]
    for (_, _, wid), reads in _group(shown, _find_message_id).items():
        contents = {_read_content(read) for read in reads}
        problem = f"{len(contents)} different contents" if len(contents) > 1 else ""
        yield build_check(
            "wid-content", f"wid {mask_wid(wid)}", describe_record(reads[-1]), problem
        )


def _check_duplicates(messages: Iterable[ReadRecord]) -> Iterator[Check]:
    for reads in _group(messages, _read_content).values():
        first = _read_message(reads[0])
        wids = {_read_message(read).wid for read in reads}
        if not first.body:
            continue
        problem = f"the same message under {len(wids)} wids" if len(wids) > 1 else ""
        subject = f"wid {mask_wid(first.wid)}"
        yield build_check("duplicate", subject, describe_record(reads[-1]), problem)


def _check_order(messages: Iterable[ReadRecord]) -> Iterator[Check]:
    for key, reads in _group(messages, lambda read: _read_message(read).key).items():
        firsts = list({_find_message_id(read): read for read in reversed(reads)}.values())[::-1]
        late = [after for before, after in pairwise(firsts) if read_time(after) < read_time(before)]
        problem = f"{len(late)} messages after later ones" if late else ""
        yield build_check(
            "order", f"key {mask_key(key)}", describe_record((late or reads)[0]), problem
        )


def _check_clock(messages: Sequence[ReadRecord]) -> Iterator[Check]:
    """Yield a check of the times behind: a message may come late, but not all by the same hours."""
    behind = [read_record_time(read) - read_time(read) for read in messages]
    if len(behind) < LEAST_FOR_A_ZONE:
        return
    is_same = max(behind) - min(behind) <= TOLERANCE
    problem = (
        f"every message is {behind[0]} old: local time written as UTC"
        if is_same and behind[0] > TOLERANCE and is_zone(behind[0])
        else ""
    )
    yield build_check("local-time", "all messages", describe_record(messages[0]), problem)


def _check_partitions(reads: Iterable[ReadRecord]) -> Iterator[Check]:
    readable = [read for read in reads if read.event]
    groups = _group(readable, lambda read: (read.place.topic, read.record.key))
    for (topic, _), of_key in groups.items():
        partitions = {read.place.partition for read in of_key}
        problem = f"{len(partitions)} partitions" if len(partitions) > 1 else ""
        subject = f"{topic}, the key at {of_key[0].place}"
        yield build_check("partition", subject, describe_record(of_key[0]), problem)


def _check_echoes(reads: Sequence[ReadRecord]) -> Iterator[Check]:
    seen = {
        (event.whatsapp_id, event.wid)
        for event in (read.event for read in reads)
        if (isinstance(event, MessageReceived) and event.from_me) or isinstance(event, MessageAcked)
    }
    for read in reads:
        if isinstance(read.event, MessageSent) and read.event.wid:
            is_seen = (read.event.whatsapp_id, read.event.wid) in seen
            problem = "" if is_seen else "neither an echo nor an ack came"
            subject = f"wid {mask_wid(read.event.wid)}"
            yield build_check("echo", subject, describe_record(read), problem)
