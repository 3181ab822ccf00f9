"""The reference pages: what is made of the code is what the code says, and all that they refer to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from flows.message_schemas import messages
from flows.reference.commands import examples, walk
from flows.reference.pages import pages, rendered
from flows.reference.types import described
from flows.settings import Settings
from tests.docs.markdown import anchors, blocks, links, prose

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = pages()
DOCUMENTS = [README, *PAGES]
DIAGRAMS = {"flowchart", "sequenceDiagram", "stateDiagram-v2", "classDiagram", "erDiagram", "graph"}
LANGUAGES = {"yaml", "json", "csv", "console", "text", "python", "toml", "sh", "promql", "mermaid"}


def name_of(document: Path) -> str:
    """How a test of it is called."""
    return document.name


def structs(kind: Any) -> set[type[msgspec.Struct]]:
    """A struct and all that its fields are of."""
    found: set[type[msgspec.Struct]] = set()
    waiting = [inspect.type_info(kind)]
    while waiting:
        each = waiting.pop()
        if isinstance(each, inspect.StructType) and each.cls not in found:
            found.add(each.cls)
            waiting += [described(field.type)[0] for field in each.fields]
        for below in ("item_type", "value_type"):
            waiting += [getattr(each, below)] if hasattr(each, below) else []
        waiting += getattr(each, "types", ())
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_what_the_code_says(page: Path) -> None:
    """Its made parts come out the same when they are made anew."""
    text = page.read_text(encoding="utf-8")
    assert rendered(text) == text, f"{page.name} is not what the code says: run `make reference`"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_part_is_ended(page: Path) -> None:
    """No comment begins a part that another one does not end, which would then stay as it is for ever."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"<!-- (?:made: [^>]*|end) -->", text)[0::2] == re.findall(
        r"<!-- made: [^>]* -->", text
    )
    assert text.count("<!-- made: ") == text.count("<!-- end -->")


def test_the_readme_lists_every_page() -> None:
    """Whoever looks for a page finds it there."""
    assert {README.parent / link for link in links(README)} >= set(PAGES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    """Each link within the repository is to a file that is there, and to a heading that stands in it."""
    text = prose(document)
    for file, anchor in re.findall(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)", text):
        if "://" in file:
            continue
        target = document if not file else document.parent / file
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_are_run_where_they_are_shown(page: Path) -> None:
    """What a page tells to type stands in a made part, which runs it, or the page has a test that types it."""
    typed = [block for block in blocks(page, made=False) if block.language == "console"]
    assert not typed or (ROOT / "tests" / "docs" / f"test_pages_{page.stem}.py").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_block_says_what_it_is(document: Path) -> None:
    """A block has a language that some test here reads or that needs none; a diagram begins as one."""
    for block in blocks(document):
        assert block.language in LANGUAGES, block.lines
        assert block.language != "mermaid" or block.lines[0].split()[0] in DIAGRAMS


@pytest.mark.parametrize("kind", [Settings, *messages()])
def test_every_field_says_what_it_means(kind: type[msgspec.Struct]) -> None:
    """No setting and no field of a message stands in its table without a meaning."""
    for struct in structs(kind):
        info: Any = inspect.type_info(struct)
        for field in info.fields:
            plain, about = described(field.type)
            of_its_own = isinstance(plain, inspect.StructType) or field.name == "folder"
            assert about or of_its_own, f"{struct.__name__}.{field.name}"


def test_every_command_ends_its_help_with_an_example() -> None:
    """It names the command as a whole, as one types it."""
    for _, command, path, _ in walk():
        if not hasattr(command, "commands"):
            shown = examples(command)
            assert any(path in line for line in shown), f"{path} shows no example of itself"


def test_every_example_can_be_typed() -> None:
    """Each is one command, or several joined by pipes, with arguments that they take, and perhaps into a file."""
    known = {path: (command, context) for _, command, path, context in walk()}
    for path, (command, _) in known.items():
        for line in examples(command):
            words = shlex.split(line.partition(" > ")[0], comments=True)
            for part in "\0".join(words).split("\0|\0"):
                given = part.split("\0")
                if given[0] == "telltale":
                    take(known, given, path)


def take(known: dict[str, tuple[Any, Any]], given: list[str], shown_by: str) -> None:
    """Let a command read its arguments without being run."""
    name = " ".join(given[: 3 if " ".join(given[:3]) in known else 2])
    assert name in known, f"{shown_by} shows {' '.join(given)}"
    command, context = known[name]
    command.make_context(name, given[name.count(" ") + 1 :], parent=context.parent)
