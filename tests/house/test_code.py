"""What no file of the project does, and no linter says."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.sources import Source, sources

LONGEST_FILE = 400  # lines; shorter is better, but a bad split is worse than a long file
LONG_FOR_A_REASON = {
    "shared/schema/messages.py": "a list of tables, as long as the tables have columns",
    "shared/schema/tickets.py": "a list of tables, as long as the tables have columns",
}
VAGUE_WORDS = {"util", "utils", "helper", "helpers", "common", "manager", "misc", "stuff"}
VAGUE_BEGINNINGS = ("do_",)
BROAD = {"Exception", "BaseException"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def too_long(source: Source) -> bool:
    return len(source.text.splitlines()) > LONGEST_FILE


def vague_names(source: Source) -> list[str]:
    names = [
        (source.at(node), node.name)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    names += [(source.path, part) for part in Path(source.path).with_suffix("").parts]
    return [f"{place} {name}" for place, name in names if _is_vague(name)]


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


def _is_vague(name: str) -> bool:
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    return name.lstrip("_").startswith(VAGUE_BEGINNINGS) or bool(
        VAGUE_WORDS & {word.lower() for word in words}
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
    named = [place for source in sources("services", "shared") for place in vague_names(source)]
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
        pytest.param("shared/x.py", "class TicketManager: ...", id="class"),
        pytest.param("shared/x.py", "def do_batch(): ...", id="beginning"),
        pytest.param("shared/x.py", "async def _do_it(): ...", id="private beginning"),
        pytest.param("shared/x.py", "def ticket_helper(): ...", id="word"),
    ],
)
def test_a_planted_vague_name_is_found(path: str, text: str) -> None:
    assert vague_names(Source(path, text))


@pytest.mark.parametrize(
    "text", ["def process_batch(): ...", "def undo_all(): ...", "class BaseData: ..."]
)
def test_a_name_that_only_holds_such_letters_is_none(text: str) -> None:
    assert vague_names(Source("shared/contracts/base.py", text)) == []


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
