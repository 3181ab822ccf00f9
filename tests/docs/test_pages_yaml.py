"""Every YAML and TOML block of the README and of the reference pages is loaded as what it is, and its tests are run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.backtest.cases import Backtest
from flows.documents import Mistakes, read_file
from flows.reference.pages import pages
from flows.rules.load import load_configuration
from flows.rules.testing import run_tests
from flows.settings import load_settings
from tests.docs.markdown import Block, blocks

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *pages()]
# What a fragment of a rule is put into, so that it is a whole one.
LIMITS = [{"per": "rule", "at_most": 1000, "every": "1h"}]
ON_STREAM = {
    "rule": "example",
    "stream": "vehicle",
    "when": {"run": 3, "of": "coolant_c >= 105"},
    "limits": LIMITS,
}
# Saved where the text says, on a stream of its own, and tested there by test_five_minutes.
SAVED = "A first rule of your own in five minutes"
ON_DEVICES = ("battery-decline", "check-engine", "engine-overheating", "vehicle-silent")
ON_EVENTS = {"rule": "example", "do": [], "limits": LIMITS}
# Which file a block is, by the first word of it; a block that begins otherwise is a rule.
FILES = {
    "purposes": "purposes",
    "values": "profile",
    "sources": "sources",
    "kinds": "identity",
    "look_ups": "look_ups",
}


def found(language: str) -> list[Any]:
    """All blocks of a language, each named by its page and heading."""
    return [
        pytest.param(block, id=f"{document.name}: {block.heading} {number}")
        for document in DOCUMENTS
        for number, block in enumerate(blocks(document))
        if block.language == language and block.heading != SAVED
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the starter."""
    return Path(shutil.copytree(ROOT / "flows" / "starter", tmp_path / "copy"))


def plain_of(block: Block, folder: Path) -> dict[str, Any]:
    """A block as plain data."""
    file, mistakes = folder / "block.txt", Mistakes()
    file.write_text("\n".join(block.lines), encoding="utf-8")
    document = read_file(file, "block", mistakes)
    mistakes.raise_any()
    assert document is not None
    return document.plain()


def whole_rule(plain: dict[str, Any]) -> dict[str, Any]:
    """A rule, of which the block may be a part."""
    if "rule" in plain:
        return plain
    if "event" in plain or "sequence" in plain:
        return {**ON_EVENTS, **plain}
    ends = {} if "clear" in plain else {"ends": {"silent": "6h"}}
    return {**ON_STREAM, **ends, **plain}


def drop(folder: Path, *names: str) -> None:
    """Take files away."""
    for name in names:
        (folder / f"{name}.yaml").unlink()


def put(block: Block, plain: dict[str, Any], folder: Path) -> str:
    """Write a block where a file of its kind stands; returns the name of the rule that it is, or nothing."""
    kind, text = next(iter(plain)), "\n".join(block.lines)
    if kind in FILES:
        if kind in ("purposes", "values"):
            # What the starter says of people needs all that its own files declare.
            for file in folder.glob("rules/*.yaml"):
                if file.stem not in ON_DEVICES:
                    file.unlink()
            drop(folder, "sources", "identity", "look_ups")
        (folder / f"{FILES[kind]}.yaml").write_text(text, encoding="utf-8")
        return ""
    if kind == "streams":
        # The other files are about the starter's stream.
        shutil.rmtree(folder / "rules")
        (folder / "rules").mkdir()
        drop(folder, "purposes", "profile", "sources", "identity", "look_ups")
        (folder / "streams.yaml").write_text(text, encoding="utf-8")
        return ""
    rule = whole_rule(plain)
    (folder / "rules" / f"{rule['rule']}.yaml").write_bytes(msgspec.json.encode(rule))
    return rule["rule"]


@pytest.mark.parametrize("block", found("yaml"))
def test_a_block_of_yaml_is_loaded(block: Block, folder: Path) -> None:
    """As a file of its kind, beside the starter's others; the tests of a rule pass."""
    plain = plain_of(block, folder)
    name = put(block, plain, folder)
    read = load_configuration(load_settings(folder / "telltale.toml", {}))
    shown = [rule for rule in read.rules if rule.name == name]
    results = run_tests(shown, read.streams, Backtest(read.rule_set("default")))
    assert [result for result in results if not result.passed] == []
    assert len(results) == len(plain.get("tests", ()))


@pytest.mark.parametrize("block", found("toml"))
def test_a_block_of_toml_is_settings(block: Block, tmp_path: Path) -> None:
    """No name in it is misspelt, and every value can be used."""
    file = tmp_path / "telltale.toml"
    file.write_text("\n".join(block.lines), encoding="utf-8")
    load_settings(file, {})
