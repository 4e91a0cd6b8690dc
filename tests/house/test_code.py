"""What no file of the project does, and no linter says."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.sources import Source, sources

LONGEST_FILE = 310
LONG_FOR_A_REASON = {
    "shared/schema/campaigns.py": "a list of tables, as long as the tables have columns",
    "shared/schema/internal.py": "the same",
    "shared/schema/messages.py": "the same",
    "shared/schema/tickets.py": "the same",
}
EMPTY_WORDS = {
    *("util", "utils", "helper", "helpers", "common", "manager", "processor", "base"),
    *("data", "info"),
}
EMPTY_BEGINNINGS = ("do_", "process_", "handle_")
BASES = {"shared/contracts/base.py", "shared/schema/base.py"}
NAMES_OF_OTHERS = {"shared/embedded/places.py": "data"}  # PostgreSQL's own word for its folder
BROAD = {"Exception", "BaseException"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def too_long(source: Source) -> bool:
    return len(source.text.splitlines()) > LONGEST_FILE


def empty_names(source: Source) -> list[str]:
    names = [
        (source.at(node), node.name)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name not in {"Base", NAMES_OF_OTHERS.get(source.path)}
    ]
    if source.path not in BASES:
        names += [(source.path, part) for part in Path(source.path).with_suffix("").parts]
    return [f"{place} {name}" for place, name in names if _is_empty(name)]


def broad_excepts(source: Source) -> list[str]:
    lines = source.text.splitlines()
    return [
        source.at(node)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and _is_broad(node.type)
        and not isinstance(node.body[-1], ast.Raise)
        and not (
            source.path.startswith("shared/delivery/")
            and any("# " in line for line in lines[node.lineno - 2 : node.lineno])
        )
    ]


def assembled_logs(source: Source) -> list[str]:
    return [
        source.at(node)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and "log" in ast.unparse(node.func.value).lower()
        and any(
            isinstance(value, ast.JoinedStr | ast.BinOp)
            for value in [*node.args, *(keyword.value for keyword in node.keywords)]
        )
    ]


def imports_of_services(source: Source) -> list[str]:
    return [
        source.at(node)
        for node in ast.walk(source.tree)
        if (
            isinstance(node, ast.Import)
            and any(alias.name.split(".")[0] == "services" for alias in node.names)
        )
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "services")
    ]


def _is_empty(name: str) -> bool:
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    return name.lstrip("_").startswith(EMPTY_BEGINNINGS) or bool(
        EMPTY_WORDS & {word.lower() for word in words}
    )


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(kind, ast.Name) and kind.id in BROAD for kind in kinds)


def test_files_are_short_or_have_a_reason() -> None:
    long_files = {source.path for source in sources("services", "shared") if too_long(source)}
    assert long_files == set(LONG_FOR_A_REASON)


def test_names_say_something() -> None:
    named = [place for source in sources("services", "shared") for place in empty_names(source)]
    assert named == []


def test_only_delivery_catches_everything_and_says_why() -> None:
    found = [place for source in sources("services", "shared") for place in broad_excepts(source)]
    assert found == []


def test_log_events_are_constant() -> None:
    found = [place for source in sources("services", "shared") for place in assembled_logs(source)]
    assert found == []


def test_shared_knows_no_service() -> None:
    assert [place for source in sources("shared") for place in imports_of_services(source)] == []


def test_a_planted_long_file_is_found() -> None:
    assert too_long(Source("shared/x.py", "x = 1\n" * (LONGEST_FILE + 1)))
    assert not too_long(Source("shared/x.py", "x = 1\n" * LONGEST_FILE))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("shared/utils.py", "", id="file"),
        pytest.param("shared/common/x.py", "", id="folder"),
        pytest.param("shared/db/base.py", "", id="another base"),
        pytest.param("shared/x.py", "class TicketManager: ...", id="class"),
        pytest.param("shared/x.py", "def process_batch(): ...", id="beginning"),
        pytest.param("shared/x.py", "async def _handle_it(): ...", id="private beginning"),
        pytest.param("shared/x.py", "def ticket_info(): ...", id="word"),
    ],
)
def test_a_planted_empty_name_is_found(path: str, text: str) -> None:
    assert empty_names(Source(path, text))


@pytest.mark.parametrize(
    "text", ["class Base: ...", "def database(): ...", "def undo_all(): ...", "def informed(): ..."]
)
def test_a_name_that_only_holds_such_letters_is_none(text: str) -> None:
    assert empty_names(Source("shared/contracts/base.py", text)) == []


@pytest.mark.parametrize(
    ("path", "caught", "rest"),
    [
        pytest.param("shared/db/x.py", "Exception:  # a reason", "pass", id="elsewhere"),
        pytest.param("shared/delivery/x.py", "Exception:", "pass", id="no reason"),
        pytest.param("services/x/app.py", "(OSError, BaseException):", "pass", id="in a tuple"),
        pytest.param("services/x/app.py", ":", "pass", id="bare"),
    ],
)
def test_a_planted_broad_except_is_found(path: str, caught: str, rest: str) -> None:
    text = f"try:\n    f()\nexcept {caught}\n    {rest}".replace("except :", "except:")
    assert broad_excepts(Source(path, text)) == [f"{path}:3"]


def test_clearing_up_and_raising_again_is_no_broad_except() -> None:
    text = "try:\n    f()\nexcept BaseException:\n    g()\n    raise"
    assert broad_excepts(Source("shared/x.py", text)) == []


@pytest.mark.parametrize(
    "text", ['log.info(f"saved {n}")', 'self._log.error("n %s" % n)', 'logger.info("a", n=f"{n}")']
)
def test_a_planted_assembled_log_is_found(text: str) -> None:
    assert assembled_logs(Source("shared/x.py", text))


@pytest.mark.parametrize("text", ["import services.tickets", "from services import tickets"])
def test_a_planted_import_of_a_service_is_found(text: str) -> None:
    assert imports_of_services(Source("shared/x.py", text))
