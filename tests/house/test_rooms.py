"""What the rooms of a service must not do."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.sources import ROOT, SERVICES, Source, rooms

ROOM_NAMES = {"__init__", "app", "consumer", "handlers", "rules", "store"}
BESIDE = {"messages": {"webhooks", "sender"}}  # what else a service's process does
WAITING = (ast.Await, ast.AsyncFor, ast.AsyncWith)
THE_EDGE = {"commit", "rollback", "flush"}
CLOCKS_AND_DICE = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "uuid4", "uuid1"}
MODULES_OF_CHANCE = {"random", "secrets", "time"}


def awaits_in_loops(source: Source) -> list[str]:
    return [
        source.at(inner)
        for loop in ast.walk(source.tree)
        for repeated in _repeated(loop)
        for inner in ast.walk(repeated)
        if isinstance(inner, WAITING)
    ]


def called(source: Source, names: set[str]) -> list[str]:
    return [
        source.at(node)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and _last_name(node.func) in names
    ]


def imported(source: Source, modules: set[str]) -> list[str]:
    return [
        source.at(node)
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Import) and modules & {a.name for a in node.names})
        or (isinstance(node, ast.ImportFrom) and node.module in modules)
    ]


def rooms_of(service: Path) -> set[str]:
    return {entry.stem for entry in service.iterdir() if entry.name != "__pycache__"}


def _repeated(node: ast.AST) -> list[ast.AST]:
    """Give the parts of a loop that run for every turn; what it loops over is read once."""
    match node:
        case ast.AsyncFor():
            return [node]
        case ast.For(body=body):
            return list(body)
        case ast.While(test=test, body=body):
            return [test, *body]
        case ast.ListComp(generators=[first, *rest]) | ast.SetComp(generators=[first, *rest]):
            return [node.elt, *first.ifs, *rest]
        case ast.DictComp(generators=[first, *rest]):
            return [node.key, node.value, *first.ifs, *rest]
        case _:
            return []


def _last_name(function: ast.expr) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _all(found: Iterable[list[str]]) -> list[str]:
    return [place for places in found for place in places]


def test_nothing_waits_in_a_loop() -> None:
    assert _all(awaits_in_loops(room) for room in rooms("handlers", "store")) == []


def test_only_delivery_ends_a_transaction() -> None:
    assert _all(called(room, THE_EDGE) for room in rooms("handlers", "store")) == []


def test_rules_have_no_clock_and_no_dice() -> None:
    assert _all(called(room, CLOCKS_AND_DICE) for room in rooms("rules")) == []
    assert _all(imported(room, MODULES_OF_CHANCE) for room in rooms("rules")) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    assert rooms_of(ROOT / "services" / service) - BESIDE.get(service, set()) == ROOM_NAMES


def test_every_service_is_known_here() -> None:
    found = {path.name for path in (ROOT / "services").iterdir() if path.is_dir()}
    assert found - {"__pycache__"} == set(SERVICES)


@pytest.mark.parametrize(
    "text",
    [
        "async def f(conn, rows):\n    for row in rows:\n        await conn.execute(row)",
        "async def f(conn, rows):\n    return [await conn.execute(row) for row in rows]",
        "async def f(conn, rows):\n    while rows:\n        async with conn: rows.pop()",
        "async def f(conn):\n    async for row in conn.stream(): print(row)",
    ],
)
def test_a_planted_wait_in_a_loop_is_found(text: str) -> None:
    assert awaits_in_loops(Source("services/x/store.py", text))


def test_waiting_once_for_what_is_looped_over_is_no_wait_in_a_loop() -> None:
    text = "async def f(conn):\n    return [row for row in await conn.execute(STATEMENT)]"
    assert awaits_in_loops(Source("services/x/store.py", text)) == []


@pytest.mark.parametrize("verb", sorted(THE_EDGE))
def test_a_planted_end_of_a_transaction_is_found(verb: str) -> None:
    text = f"async def f(conn):\n    await conn.{verb}()"
    assert called(Source("services/x/store.py", text), THE_EDGE) == ["services/x/store.py:2"]


@pytest.mark.parametrize(
    "text", ["at = datetime.now(UTC)", "at = time.time()", "id = uuid4()", "id = uuid.uuid4()"]
)
def test_a_planted_clock_or_die_is_found(text: str) -> None:
    assert called(Source("services/x/rules.py", text), CLOCKS_AND_DICE)


@pytest.mark.parametrize("text", ["import random", "from random import choice", "import time"])
def test_a_planted_module_of_chance_is_found(text: str) -> None:
    assert imported(Source("services/x/rules.py", text), MODULES_OF_CHANCE)


def test_a_missing_and_a_surplus_room_are_found(tmp_path: Path) -> None:
    for name in ROOM_NAMES - {"store"} | {"helpers"}:
        (tmp_path / f"{name}.py").touch()
    assert rooms_of(tmp_path) != ROOM_NAMES
