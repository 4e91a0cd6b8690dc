"""Twice as much of a request takes twice the time: a large one holds up its neighbours no longer.

Times are of the processor, the best of several. A measurement is repeated before it fails.
"""

import gc
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from shared.contracts.catalogue import load_contracts
from shared.contracts.gateway import EvolutionRecord
from shared.contracts.record_request import DELETES, SAVES, RecordRequest
from shared.records import requested_rows, rules
from shared.records.models import InvalidRowError, check_row
from shared.records.requested_rows import KnownRows
from shared.records.rules import Applied, Plan, Refused
from shared.records.tables import get_tables, group_keys

MOST = 3.0  # times, for twice as much: linear code takes 2, quadratic code 4
TRIES = 4
BEST_OF = 3
LONG_ENOUGH_S = 0.003
COMPANY = 1

Work = Callable[[], object]


def seconds(work: Work, loops: int) -> float:
    began = time.process_time()
    for _ in range(loops):
        work()
    return time.process_time() - began


def growth(made: Callable[[int], Work], size: int) -> float:
    """Return how many times as long twice the size takes."""
    once, twice = made(size), made(2 * size)
    loops = max(1, int(LONG_ENOUGH_S / max(seconds(once, 1), 1e-6)))
    gc.disable()
    try:
        pairs = [(seconds(once, loops), seconds(twice, loops)) for _ in range(BEST_OF)]
    finally:
        gc.enable()
    return min(pair[1] for pair in pairs) / min(pair[0] for pair in pairs)


def grows_evenly(made: Callable[[int], Work], size: int) -> bool:
    return any(growth(made, size) < MOST for _ in range(TRIES))


def request(rows: list[dict[str, Any]], table: str = "Queues", to: str = "save") -> RecordRequest:
    contract = (SAVES if to == "save" else DELETES)[get_tables()[table].owner]
    # Not checked: a request of more rows than are allowed is refused before it comes here.
    return contract.model_construct(
        company_id=COMPANY, request_id="r", table=table, actor=None, rows=tuple(rows)
    )


def decided(*batch: RecordRequest, to: str = "save") -> Work:
    owner = get_tables()[batch[0].table].owner

    def decide() -> Plan:
        numbers = count(1)
        known = KnownRows(parents={("Companies", None, COMPANY)})
        plan = Plan(owner, known, ids=dict.fromkeys(get_tables(), numbers))
        rows = [(each, requested_rows.list_rows([each])) for each in batch]
        requested_rows.collect_parents([row for _, of in rows for row in of])
        rules.apply_requests(plan, rows, to=to)
        return plan

    return decide


def queue(number: int, **more: Any) -> dict[str, Any]:
    return {"name": f"Q{number}", "color": "#fff", **more}


def pointing(number: int) -> dict[str, Any]:
    """Build a row that refers to the row before it."""
    row = {"title": "T", "queueId": {"$ref": "q"}, "$table": "QueueOptions", "$name": f"o{number}"}
    return row if number == 0 else row | {"parentId": {"$ref": f"o{number - 1}"}}


def nested(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = {"a": [found]}
    return found


def check(table: str, row: dict[str, Any]) -> Work:
    def work() -> None:
        with suppress(InvalidRowError):
            check_row(get_tables()[table], row)

    return work


REQUESTS: dict[str, tuple[int, Callable[[int], Work]]] = {
    "rows": (300, lambda n: decided(request([queue(i) for i in range(n)]))),
    "rows that are one": (300, lambda n: decided(request([queue(1) for _ in range(n)]))),
    "rows that point to the one before": (
        200,
        lambda n: decided(request([queue(1, **{"$name": "q"}), *map(pointing, range(n))])),
    ),
    "rows of which the last is wrong": (
        300,
        lambda n: decided(request([*(queue(i) for i in range(n)), {"nonsense": 1}])),
    ),
    "requests": (200, lambda n: decided(*(request([queue(i)]) for i in range(n)))),
    "requests that are refused": (
        200,
        lambda n: decided(*(request([{"nonsense": i}]) for i in range(n))),
    ),
    "rows to delete": (
        300,
        lambda n: decided(
            request([{"key": f"k{i}"} for i in range(n)], "Settings", "delete"), to="delete"
        ),
    ),
    "columns": (2_000, lambda n: check("Queues", {f"c{i}": i for i in range(n)})),
    "length of a column's name": (200_000, lambda n: check("Queues", {"x" * n: 1})),
    "length of a table's name": (
        200_000,
        lambda n: decided(request([queue(1, **{"$table": "x" * n})])),
    ),
    "length of a row's name": (
        200_000,
        lambda n: decided(
            request([queue(1, **{"$name": "x" * n}), pointing(0) | {"queueId": {"$ref": "x" * n}}])
        ),
    ),
    "length of a text": (200_000, lambda n: check("Queues", queue(1, greetingMessage="ç" * n))),
    "length of a text that is refused": (200_000, lambda n: check("Queues", {"name": "ç" * n})),
    "members of a JSON value": (
        5_000,
        lambda n: check("FlowBuilders", {"name": "F", "flow": {f"m{i}": i for i in range(n)}}),
    ),
    "nesting of a JSON value": (
        40,  # Two levels each; more than 200 are refused.
        lambda n: check("FlowBuilders", {"name": "F", "flow": nested(n)}),
    ),
    "keys that are told": (
        2_000,
        lambda n: lambda: group_keys([("Queues", (i,)) for i in range(n)]),
    ),
}


def members_of(contract: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, member in contract.model_fields.items():
        yield member.alias or name, member


def origins(annotation: Any) -> set[Any]:
    """Return the container types that a member may have."""
    origin = get_origin(annotation)
    if origin in {Union, UnionType, Annotated}:
        return {found for part in get_args(annotation) for found in origins(part)}
    return {origin}


def lists(contract: type[BaseModel], size: int) -> dict[str, Any]:
    """Build a body in which every list or mapping has `size` items."""
    found: dict[str, Any] = {}
    for name, member in members_of(contract):
        kinds = origins(member.annotation)
        if tuple in kinds:
            found[name] = [{"a": 1}] * size if name == "rows" else list(range(size))
        elif dict in kinds:
            found[name] = {f"k{i}": "v" for i in range(size)}
    return found


def of_each(contract: type[BaseModel], value: Any) -> dict[str, Any]:
    """Build a body with the same value for every member and for an unknown one."""
    return {name: value for name, _ in members_of(contract)} | {"unknown": value}


BODIES: dict[str, tuple[int, Callable[[type[BaseModel], int], dict[str, Any]]]] = {
    "long texts": (4_000, lambda contract, n: of_each(contract, "ç@ " * n)),
    "long numbers": (4_000, lambda contract, n: of_each(contract, "9" * n)),
    "unknown members": (2_000, lambda _, n: {f"unknown{i}": "x" for i in range(n)}),
    "lists": (2_000, lists),
    "nesting": (40, lambda contract, n: of_each(contract, nested(n))),
}
CONTRACTS: list[type[BaseModel]] = [
    *(event for of_topic in load_contracts().values() for event in of_topic),
    EvolutionRecord,
]


def decoded(contract: type[BaseModel], body: Any) -> Work:
    value = json.dumps(body, ensure_ascii=False).encode()

    def decode() -> None:
        try:
            contract.model_validate_json(value)
        except ValidationError as error:
            error.errors(include_input=False, include_url=False)

    return decode


@pytest.mark.parametrize("name", REQUESTS)
def test_twice_the_request_takes_twice_the_time(name: str) -> None:
    size, made = REQUESTS[name]
    assert grows_evenly(made, size)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_twice_the_body_takes_twice_the_time(contract: type[BaseModel]) -> None:
    for what, (size, body) in BODIES.items():

        def made(n: int, body: Callable[[type[BaseModel], int], Any] = body) -> Work:
            return decoded(contract, body(contract, n))

        assert grows_evenly(made, size), what


def test_what_is_measured_is_decided_as_it_would_be() -> None:
    outcomes = {name: made(5)() for name, (_, made) in REQUESTS.items()}
    plans = {name: plan for name, plan in outcomes.items() if isinstance(plan, Plan)}
    refused = {
        name for name, plan in plans.items() if any(isinstance(a, Refused) for a in plan.results)
    }
    assert refused == {
        "rows of which the last is wrong",
        "requests that are refused",
        "length of a table's name",
    }
    pointed = plans["rows that point to the one before"]
    assert isinstance(pointed.results[0], Applied)
    assert len(pointed.inserts["QueueOptions"]) == 5


def test_a_planted_quadratic_work_is_found() -> None:
    def made(size: int) -> Work:
        names = [f"n{i}" for i in range(size)]
        return lambda: [name for name in names if name not in names[: names.index(name)]]

    assert not grows_evenly(made, 300)
