"""What documents and comments refer to exists, and is in this repository."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from shared.schema import metadata
from tests.support.sources import ROOT, Source, sources

FOLDERS = (".ci", "deploy", "docs", "migrations", "services", "shared", "tests")
SUFFIXES = {".py", ".md", ".toml", ".yml"}
BASES = ("", "services/", "services/tickets/")  # where the modules that documents name begin

SPAN = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
PATH = re.compile(r"[\w.<>*-]+(?:/[\w.<>*-]+)*/?")  # `<name>` and `*` stand for any name
FILE = re.compile(r".+\.(?:py|md|toml|yml|ini|lock|mako)")
COMMAND = re.compile(r"python -m ([\w.]+)")
MEMBER = re.compile(r"([a-z_]\w*(?:/[a-z_]\w*)+)\.([A-Za-z_]\w*)")
DOTTED = re.compile(r"((?:services|shared|tests)(?:\.\w+)+)")
METHOD = re.compile(r"([A-Z]\w+)\.([a-z_]\w*)")
COLUMN = re.compile(r'"([A-Z]\w+)"(?:\.(?:"(\w+)"|(\w+)))?')

# In pieces, so that this file does not hold them.
OUTSIDE = re.compile(
    "|".join(
        r"(?<![\w-])" + "".join(pieces)
        for pieces in (
            ("schema", r"\.md"),
            ("design", r"\.md"),
            ("seed-", "database"),
            ("field", r"\.md"),
            ("style", r"\.md"),
            ("kafka", r"\.md"),
            ("field", " notes"),
            ("desi", r"gn \d"),
            ("promi", r"ses? \d"),
        )
    ),
    re.IGNORECASE,
)


def pages() -> dict[str, str]:
    """Return the documents whose references are checked, by their paths."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


def missing(page: str, text: str) -> list[str]:
    """List what a document names and nobody finds: files, modules, their members, columns."""
    found = [link for link in LINK.findall(text) if "://" not in link and not _is_file(page, link)]
    found += [module for module in COMMAND.findall(text) if not _is_module(module)]
    return found + [span for span in SPAN.findall(BLOCK.sub("", text)) if not _exists(span)]


def outside_texts(text: str) -> list[str]:
    """List the texts outside the repository that a text refers to."""
    return OUTSIDE.findall(text)


def code_words(glossary: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each term of the glossary with the words that name it in the code."""
    for line in glossary.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) > 1 and cells[0] != "term" and not set(cells[0]) <= set("-: "):
            yield cells[0], SPAN.findall(cells[1])


def unused(glossary: str, code: str) -> list[str]:
    """List the terms without a word in the code, and the words that do not occur there."""
    found = []
    for term, words in code_words(glossary):
        found += [term] if not words else []
        found += [word for word in words if not re.search(rf"\b{re.escape(word)}\b", code)]
    return found


def _exists(span: str) -> bool:
    if any(not _is_column(table, a or b) for table, a, b in COLUMN.findall(span)):
        return False
    if _is_path(span):
        return any(ROOT.glob(re.sub(r"<\w+>", "*", span).rstrip("/")))
    if member := MEMBER.fullmatch(span):
        return any(member[2] in names_in(f"{base}{member[1]}") for base in BASES)
    if dotted := DOTTED.fullmatch(span):
        return _is_module(dotted[1]) or _is_member(dotted[1])
    if method := METHOD.fullmatch(span):
        return method[2] in members_of_classes().get(method[1], ())
    return True


def _is_path(span: str) -> bool:
    if not PATH.fullmatch(span):
        return False
    is_inside = span.partition("/")[0] in FOLDERS
    is_member = bool(MEMBER.fullmatch(span)) and not span.endswith(".json")
    return bool(FILE.fullmatch(span)) or (is_inside and not is_member)


def _is_file(page: str, link: str) -> bool:
    return (ROOT / page).parent.joinpath(link).exists()


def _is_module(dotted: str) -> bool:
    path = ROOT / dotted.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def _is_member(dotted: str) -> bool:
    module, _, name = dotted.rpartition(".")
    return name in names_in(module.replace(".", "/"))


def _is_column(table: str, column: str) -> bool:
    return table in metadata.tables and (not column or column in metadata.tables[table].columns)


@cache
def names_in(path: str) -> frozenset[str]:
    """Return what a module or a package defines; nothing where there is none."""
    files = [ROOT / f"{path}.py", ROOT / path / "__init__.py"]
    found = [Source(path, file.read_text("utf-8")) for file in files if file.is_file()]
    return frozenset(name for source in found for name in defined(source.tree.body))


@cache
def members_of_classes() -> dict[str, set[str]]:
    """Return what the classes of the product define, by the names of the classes."""
    found: dict[str, set[str]] = {}
    for source in sources("services", "shared"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, set()).update(defined(node.body))
    return found


def defined(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    yield inner.id


def texts() -> Iterator[tuple[str, str]]:
    top = [path for path in ROOT.iterdir() if path.is_file()]
    below = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in (*top, *below):
        if path.suffix in SUFFIXES:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


@pytest.mark.parametrize("page", pages())
def test_what_a_document_names_exists(page: str) -> None:
    assert missing(page, pages()[page]) == []


def test_nothing_refers_to_a_text_outside_the_repository() -> None:
    assert {path: found for path, text in texts() if (found := outside_texts(text))} == {}


def test_the_words_of_the_glossary_are_those_of_the_code() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    code = "\n".join(source.text for source in sources("services", "shared"))
    assert len(list(code_words(glossary))) > 50
    assert unused(glossary, code) == []


@pytest.mark.parametrize(
    "text",
    [
        "`shared/no_such_file.py`",
        "`services/<service>/no_such_file.py`",
        "`no_such_file.yml`",
        "`shared/no_such_folder/`",
        "[a page](no-such-page.md#anywhere)",
        "python -m shared.no_such_module",
        "`shared/kafka.no_such_function`",
        "`contacts/consumer.no_such_function`",
        "`shared.kafka.no_such_function`",
        "`BatchTransaction.no_such_method`",
        "`NoSuchClass.run`",
        '`"NoSuchTable"`',
        '`SELECT id FROM "Tickets"."noSuchColumn"`',
    ],
)
def test_a_planted_reference_is_found(text: str) -> None:
    assert missing("docs/x.md", f"See {text} for it.")


@pytest.mark.parametrize(
    "text",
    [
        "`shared/topics.py` `shared/schema/<owner>.py` `docker-compose.yml` `migrations/versions/`",
        "[a page](events.md#limits) [elsewhere](https://example.com/x.md)",
        "`shared/settings.Settings` `contacts/consumer.service` `shared.settings.Settings`",
        '`"Tickets"` `"Tickets"."updatedAt"` `"Tickets".status` `Event.key` `message.stored`',
        "```\nlook/at/anything.py\n```",
    ],
)
def test_what_exists_is_no_planted_reference(text: str) -> None:
    assert missing("docs/x.md", text) == []


@pytest.mark.parametrize(
    "pieces",
    [("as sch", "ema.md 5 says"), ("(desi", "gn 4)"), ("field", " notes 3.1"), ("promi", "se 4")],
)
def test_a_planted_text_outside_the_repository_is_found(pieces: tuple[str, str]) -> None:
    assert outside_texts("".join(pieces))


@pytest.mark.parametrize("text", ["tests/data/schema.json", "the design of 4 services", "promises"])
def test_words_that_refer_to_nothing_are_none(text: str) -> None:
    assert outside_texts(text) == []


def test_a_planted_term_is_found() -> None:
    glossary = "| term | code |\n|---|---|\n| line | `whatsapp_id` |\n| lane | kanban |\n"
    assert unused(glossary, "whatsapp_ids = 1") == ["whatsapp_id", "lane"]
    assert unused("| line | `whatsapp_id` |", "whatsapp_id = 1") == []
