"""The folders of a service: which there are, and what their modules must not do."""

import ast
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.support.sources import ROOT, SERVICES, Source, sources

ALWAYS = {"__init__", "app", "consumer"}
SHARED_BY_USE_CASES = {"domain", "persistence"}
USE_CASES = {
    "campaigns": {"shipping"},
    "contacts": {"consent", "identifying", "linking", "requests"},
    "messages": {
        "change_requests",
        "changes",
        "composing",
        "connections",
        "gateways_in",
        "reassigning",
        "send_results",
        "sending",
        "storing",
    },
    "tickets": {
        "bot",
        "contact_merge",
        "number_change",
        "kanban",
        "requests",
        "routing",
        "timers",
        "unread",
        "user_opening",
    },
}
PARTS = {"__init__", "handler", "rules", "store"}  # of a use case, as far as it has them
AWAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith)
ENDS_OF_TRANSACTIONS = {"commit", "rollback", "flush"}
CLOCKS_AND_RANDOM = {
    "now",
    "utcnow",
    "today",
    "time",
    "monotonic",
    "perf_counter",
    "uuid4",
    "uuid1",
}
RANDOM_MODULES = {"random", "secrets", "time"}
BACKGROUND = {"services/messages/gateways_in/webhooks.py", "services/messages/sending/sender.py"}


def awaits_in_loops(source: Source) -> list[str]:
    return [
        source.at(inner)
        for loop in ast.walk(source.tree)
        for repeated in _repeated(loop)
        for inner in ast.walk(repeated)
        if isinstance(inner, AWAITS)
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


def folders_of(service: Path) -> set[str]:
    """Name its modules and its folders with modules; an older checkout may leave empty ones."""
    return {
        entry.stem for entry in service.iterdir() if entry.suffix == ".py" or _has_modules(entry)
    }


def _has_modules(folder: Path) -> bool:
    return any(folder.glob("*.py"))


def modules(name: str) -> Iterator[Source]:
    """Read the modules of this name, or below a folder of it, in every service."""
    for source in sources("services"):
        if source.path not in BACKGROUND and name in Path(source.path).with_suffix("").parts[2:]:
            yield source


def _repeated(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a loop that run for every turn; what it loops over is read once."""
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


def test_handlers_and_statements_await_nothing_in_a_loop() -> None:
    found = [modules("handler"), modules("store"), modules("persistence")]
    assert _all(awaits_in_loops(module) for module in chain(*found)) == []


def test_only_delivery_ends_a_transaction() -> None:
    found = [modules("handler"), modules("store"), modules("persistence")]
    assert _all(called(module, ENDS_OF_TRANSACTIONS) for module in chain(*found)) == []


@pytest.mark.parametrize("name", ["rules", "domain"])
def test_rules_use_no_clock_and_no_random_numbers(name: str) -> None:
    assert _all(called(module, CLOCKS_AND_RANDOM) for module in modules(name)) == []
    assert _all(imported(module, RANDOM_MODULES) for module in modules(name)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_folders(service: str) -> None:
    folders = folders_of(ROOT / "services" / service)
    assert folders - SHARED_BY_USE_CASES == ALWAYS | USE_CASES[service]


@pytest.mark.parametrize("service", SERVICES)
def test_every_use_case_has_a_handler_rules_or_a_store(service: str) -> None:
    for use_case in USE_CASES[service]:
        assert len(folders_of(ROOT / "services" / service / use_case) & PARTS) > 1, use_case


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


@pytest.mark.parametrize("verb", sorted(ENDS_OF_TRANSACTIONS))
def test_a_planted_end_of_a_transaction_is_found(verb: str) -> None:
    text = f"async def f(conn):\n    await conn.{verb}()"
    assert called(Source("services/x/store.py", text), ENDS_OF_TRANSACTIONS) == [
        "services/x/store.py:2"
    ]


@pytest.mark.parametrize(
    "text", ["at = datetime.now(UTC)", "at = time.time()", "id = uuid4()", "id = uuid.uuid4()"]
)
def test_a_planted_clock_or_die_is_found(text: str) -> None:
    assert called(Source("services/x/rules.py", text), CLOCKS_AND_RANDOM)


@pytest.mark.parametrize("text", ["import random", "from random import choice", "import time"])
def test_a_planted_module_of_chance_is_found(text: str) -> None:
    assert imported(Source("services/x/rules.py", text), RANDOM_MODULES)


def test_a_missing_and_a_surplus_folder_are_found(tmp_path: Path) -> None:
    for name in ALWAYS - {"consumer"} | {"helpers"}:
        (tmp_path / f"{name}.py").touch()
    assert folders_of(tmp_path) == {"__init__", "app", "helpers"}
