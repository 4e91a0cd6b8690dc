"""Regular expressions: none takes quadratic time, and each is compiled once."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import services
import shared
from tests.support.effort import Prepared, is_linear, spent
from tests.support.sources import Source, sources

SHORTEST, LONGEST = 64, 16_384  # characters
QUICK, SOON_S = 8_192, 0.004  # what is soon done with is no square: one takes four times as long
METHODS = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
ENDS = ("", "!", "\n", "\x00")
COMPILED_IN_A_FUNCTION = {
    "shared/settings.py": "holds a variable's name, and is read where a process starts",
}
AnyPattern = re.Pattern[Any]

TRIED = [chr(code) for code in (*range(97, 123), *range(48, 58), *range(65, 91), *range(128))]
REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
LOOKS = (codes.ASSERT, codes.ASSERT_NOT)
CATEGORIES = {
    "CATEGORY_DIGIT": re.compile(r"\d"),
    "CATEGORY_NOT_DIGIT": re.compile(r"\D"),
    "CATEGORY_SPACE": re.compile(r"\s"),
    "CATEGORY_NOT_SPACE": re.compile(r"\S"),
    "CATEGORY_WORD": re.compile(r"\w"),
    "CATEGORY_NOT_WORD": re.compile(r"\W"),
}


def _members(value: object) -> Iterator[AnyPattern]:
    match value:
        case re.Pattern():
            yield value
        case dict():
            for inner in value.values():
                yield from _members(inner)
        case list() | tuple() | set() | frozenset():
            for inner in value:
                yield from _members(inner)
        case _:
            return


def patterns() -> dict[str, tuple[str, AnyPattern]]:
    """Return every pattern of a module by its location, which begins with the variable."""
    found: dict[AnyPattern, tuple[str, str]] = {}
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__"):  # it would begin
                continue
            loaded = importlib.import_module(module.name)
            for name, value in vars(loaded).items():
                for pattern in _members(value):
                    found.setdefault(pattern, (name, module.name))
    return {
        f"{module}.{name} {pattern.pattern!r}": (name, pattern)
        for pattern, (name, module) in found.items()
    }


PATTERNS = patterns()


def _uses() -> dict[str, set[str]]:
    """Return the pattern methods that are called on each variable."""
    found: dict[str, set[str]] = {}
    for source in sources("services", "shared"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                holder = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                found.setdefault(ast.unparse(holder).rpartition(".")[2], set()).add(node.attr)
    return found


USES = _uses()


def uncompiled(source: Source) -> list[str]:
    """Return the calls of functions of `re`, which look their pattern up each time."""
    return [
        source.at(node)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in METHODS
        and isinstance(node.value, ast.Name)
        and node.value.id == "re"
    ]


def compiled_in_a_function(source: Source) -> list[str]:
    return [
        source.at(inner)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "re.compile"
    ]


def _inner(code: Any, argument: Any) -> list[Any]:
    """Return the sequences inside a node: of a group, repetition, lookaround or branch."""
    if code in REPEATS:
        return [argument[2]]
    if code is codes.BRANCH:
        return list(argument[1])
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    held = {codes.SUBPATTERN: argument[-1:] if isinstance(argument, tuple) else []}
    return [argument] if code is codes.ATOMIC_GROUP else list(held.get(code, []))


def _spellings(parsed: Any) -> list[str]:
    """Return the shortest text for each node of a pattern, in order."""
    return [text for code, argument in parsed if (text := _spelling(code, argument))]


def _spelling(code: Any, argument: Any) -> str:
    if code is codes.LITERAL:
        return chr(argument)
    if code is codes.NOT_LITERAL:
        return "a" if argument != ord("a") else "b"
    if code is codes.IN:
        return next((char for char in TRIED if _holds(argument, char)), "")
    if code in LOOKS or code is codes.AT:
        return ""
    inner = "".join(_spellings(next(iter(_inner(code, argument)), []))) or "x"
    return inner * max(1, min(argument[0], 4)) if code in REPEATS else inner


def _holds(items: Any, char: str) -> bool:
    """Return whether a parsed character class contains a character."""
    is_negated = any(code is codes.NEGATE for code, _ in items)
    return is_negated != any(_is_one(code, argument, char) for code, argument in items)


def _is_one(code: Any, argument: Any, char: str) -> bool:
    if code is codes.LITERAL:
        return bool(argument == ord(char))
    if code is codes.RANGE:
        return bool(argument[0] <= ord(char) <= argument[1])
    return code is codes.CATEGORY and CATEGORIES[str(argument)].match(char) is not None


def _inside(parsed: Any) -> Iterator[Any]:
    """Yield a pattern's sequences: its own, and those in groups, repetitions and branches."""
    yield parsed
    for code, argument in parsed:
        for inner in _inner(code, argument):
            yield from _inside(inner)


def attacks(pattern: AnyPattern) -> list[tuple[str, str, str]]:
    """Return prefixes, repeated parts and suffixes that may make a pattern slow."""
    source = pattern.pattern
    text = source if isinstance(source, str) else source.decode("latin-1")
    parsed = _parser.parse(text, pattern.flags)
    sequences = [_spellings(sequence) for sequence in _inside(parsed)]
    signs = {piece for sequence in sequences for piece in sequence} | {"a", " ", "\\"}
    wholes = {"".join(sequence[:n]) for sequence in sequences for n in range(len(sequence) + 1)}
    runs = {run for run in signs | wholes if run}
    beginnings = {"", *("".join(sequences[0][:n]) for n in range(len(sequences[0]) + 1))}
    return sorted((begun, run, end) for begun in beginnings for run in runs for end in ENDS)


def superlinear(pattern: AnyPattern, methods: set[str]) -> tuple[str, ...]:
    """Return the first attack whose time grows faster than its length; () for none."""
    tried = ((method, attack) for method in sorted(methods) for attack in attacks(pattern))
    for method, attack in tried:
        work = _trying(pattern, method, attack)
        is_soon = spent(work(QUICK), 1) < SOON_S
        if not is_soon and not is_linear(work, SHORTEST, LONGEST):
            return method, *attack
    return ()


def _trying(
    pattern: AnyPattern, method: str, attack: tuple[str, str, str]
) -> Callable[[int], Prepared]:
    begun, run, end = attack

    def prepare(n: int) -> Prepared:
        text: str | bytes = begun + run * (n // len(run)) + end
        if isinstance(pattern.pattern, bytes):
            text = str(text).encode("latin-1", "replace")
        if method in {"sub", "subn"}:
            return lambda: pattern.sub(lambda found: found[0], text)
        if method == "finditer":
            return lambda: list(pattern.finditer(text))
        return lambda: getattr(pattern, method)(text)

    return prepare


@pytest.mark.parametrize("place", PATTERNS)
def test_twice_as_much_takes_a_pattern_twice_as_long(place: str) -> None:
    name, pattern = PATTERNS[place]
    assert superlinear(pattern, USES.get(name) or {"search", "match", "fullmatch"}) == ()


def test_the_patterns_of_gateways_are_among_those_tried() -> None:
    assert any("evolution_go.names" in place for place in PATTERNS)
    assert any("blanking.STRINGS" in place for place in PATTERNS)


def test_no_pattern_is_looked_up_where_it_is_used() -> None:
    assert [place for source in sources("services", "shared") for place in uncompiled(source)] == []


def test_patterns_are_compiled_once_or_have_a_reason() -> None:
    found = {
        source.path for source in sources("services", "shared") if compiled_in_a_function(source)
    }
    assert found == set(COMPILED_IN_A_FUNCTION)


def test_pydantic_reads_patterns_with_its_own_engine_which_is_linear() -> None:
    found = [
        source.path for source in sources("services", "shared") if "regex_engine" in source.text
    ]
    assert found == []


@pytest.mark.parametrize(
    ("written", "method"),
    [
        pytest.param(r"[A-Z]{2,}(?=[A-Z][a-z]|[0-9]|$)", "sub", id="a run tried from each sign"),
        pytest.param(r"(?<![\w.-])([\w.-]{1,60})(?:\]|%5[Dd])*=", "sub", id="begun in its own run"),
        pytest.param(r"a+b", "search", id="no beginning"),
        pytest.param(r"\s*:\s*x", "search", id="spaces before a sign"),
        pytest.param(r"a*a*!", "match", id="two ways to read one run"),
    ],
)
def test_a_planted_square_is_found(written: str, method: str) -> None:
    assert superlinear(re.compile(written), {method})


@pytest.mark.parametrize("text", ['re.sub("a", "", x)', 're.search("a", x)', "f = re.split"])
def test_a_planted_lookup_is_found(text: str) -> None:
    assert uncompiled(Source("shared/x.py", text))


def test_a_planted_compilation_in_a_function_is_found() -> None:
    assert compiled_in_a_function(Source("shared/x.py", "def f():\n    re.compile('a')"))
    assert not compiled_in_a_function(Source("shared/x.py", "A = re.compile('a')"))
