"""Files of the repository besides code: dependencies, pages, make targets, forbidden names."""

import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from shared.records.docs_page import PAGE, build_page
from tests.support.sources import ROOT, Source, sources

FOLDERS = (".ci", "deploy", "docs", "migrations", "services", "shared", "tests")
# In pieces, so that this file does not hold them.
PLACES = tuple(
    "".join(pieces)
    for pieces in (
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("py", "pi.org"),
        ("files.python", "hosted"),
        ("repo1", ".maven"),
        ("repo.maven", ".apache"),
        ("registry.", "npmjs"),
    )
)
TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def places_in(text: str) -> list[str]:
    return [place for place in PLACES if place in text]


def unnamed(dependencies: Iterable[str], readme: str) -> list[str]:
    words = {word.strip(".").lower() for word in TOKEN.findall(readme)}
    return [name for name in dependencies if name.lower() not in words]


def named_in(text: str) -> set[str]:
    return set(re.findall(r"\btest_[a-z0-9_]+", text))


def names_in(source: Source) -> set[str]:
    return {Path(source.path).stem, *re.findall(r"def (test_\w+)", source.text)}


def makefile_targets(text: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text, flags=re.MULTILINE))


def texts() -> Iterator[tuple[Path, str]]:
    top = [path for path in ROOT.iterdir() if path.is_file()]
    below = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in (*top, *below):
        if "__pycache__" not in path.parts:
            yield path.relative_to(ROOT), path.read_text("utf-8", errors="replace")


def dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    listed = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        listed += extra
    return [found.group() for line in listed if (found := TOKEN.match(line))]


def test_nothing_names_a_machine_or_a_registry() -> None:
    found = {path.as_posix(): places for path, text in texts() if (places := places_in(text))}
    assert found == {}


def test_the_readme_says_what_every_dependency_is_for() -> None:
    assert unnamed(dependencies(), (ROOT / "README.md").read_text("utf-8")) == []


def test_pages_name_tests_that_exist() -> None:
    pages = "".join(page.read_text("utf-8") for page in sorted((ROOT / "docs").rglob("*.md")))
    found = {name for source in sources("tests") for name in names_in(source)}
    assert named_in(pages) - found == set()


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True)  # noqa: S607 - the developer's own make
    assert set(re.findall(r"^ +make ([a-z-]+)", shown.stdout.decode(), flags=re.MULTILINE)) == (
        makefile_targets(text)
    )


def test_the_gate_runs_targets_that_exist() -> None:
    gate = ROOT / ".ci" / "run"
    (listed,) = re.findall(r"for target in ([a-z ]+);", gate.read_text("utf-8"))
    assert set(listed.split()) <= makefile_targets((ROOT / "Makefile").read_text("utf-8"))
    assert gate.stat().st_mode & 0o111


@pytest.mark.parametrize("place", PLACES)
def test_a_planted_place_is_found(place: str) -> None:
    assert places_in(f"see {place}x") == [place]


def test_a_planted_dependency_without_a_word_is_found() -> None:
    readme = "| `rich` | tables |\nIt uses Typer. It has pydantic-settings."
    assert unnamed(["typer", "rich", "pydantic", "pydantic-settings"], readme) == ["pydantic"]


def test_a_planted_name_of_a_test_is_found() -> None:
    assert named_in("| closed | `test_of_nothing`, the test_of_2. |") == {
        "test_of_nothing",
        "test_of_2",
    }


def test_a_planted_target_is_found() -> None:
    assert makefile_targets("a: b ## x\n\tc: d\n$(V)/x: y\n.PHONY: z\nq-r:\n") == {"a", "q-r"}


def test_the_page_of_tables_is_as_the_tables_are() -> None:
    assert PAGE.read_text("utf-8") == build_page(), "run `python -m shared.records.docs_page`"
