"""Located documents: what YAML is read, what is refused, and where everything stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.documents import Located, Mistakes, locate, read_file, read_text


def read(text: str) -> tuple[object, list[str]]:
    """The plain data of a text, and its mistakes."""
    mistakes = Mistakes()
    document = read_text(text, "f.yaml", mistakes)
    return None if document is None else document.plain(), [str(finding) for finding in mistakes.found]


def below(document: Located, *names: str | int) -> Located:
    """A value deeper down."""
    for name in names:
        value = document.value
        assert isinstance(value, dict | list)
        document = value[name]  # type: ignore[index]
    return document


def test_yaml_1_2_leaves_words_alone() -> None:
    """`on`, `NO`, times and dates stay text; numbers, truths and nothing are what they look like."""
    text = (
        "{on: off, a: NO, t: 22:00, d: 2026-01-31, i: 10, f: 1.5, b: true, n: null, e: , x: 0x10, inf: .inf}"
    )
    assert read(text) == (
        {"on": "off", "a": "NO", "t": "22:00", "d": "2026-01-31", "i": 10, "f": 1.5, "b": True}
        | {"n": None, "e": None, "x": 16, "inf": ".inf"},
        [],
    )


def test_every_value_knows_its_place() -> None:
    """Lines and columns count from 1, and the path says how to get there."""
    document = read_text("a:\n  - {b: 'x', c: 2}\n  - >\n    long\n", "f.yaml", Mistakes())
    assert document is not None
    quoted = below(document, "a", 0, "b")
    assert (quoted.line, quoted.column, quoted.path, quoted.inset) == (2, 9, "a[0].b", 1)
    plain = below(document, "a", 0, "c")
    assert (plain.line, plain.column, plain.path, plain.inset) == (2, 17, "a[0].c", 0)
    assert below(document, "a", 0).keys == {"b": (2, 6), "c": (2, 14)}
    assert below(document, "a", 1).inset == -1


def test_a_mistake_within_a_text_is_pointed_at() -> None:
    """The column of an expression's mistake is that in the file, behind a quote too."""
    mistakes = Mistakes()
    document = read_text("a: 'x = 1'\nb: x = 1\n", "f.yaml", mistakes)
    assert document is not None
    for name in ("a", "b"):
        mistakes.add(below(document, name), "wrong", "Mend it.", offset=2)
    assert [(finding.line, finding.column) for finding in mistakes.found] == [(1, 7), (2, 6)]


@pytest.mark.parametrize(
    ("text", "data", "mistake"),
    [
        (
            "{of: min(a, b) >= 3, run: 2}",
            {"of": "min(a, b) >= 3", "run": 2},
            'f.yaml:1:6: of: a comma inside braces ends the value, and split it. Quote the expression: "..."',
        ),
        (
            "{of: max(a, b, c) > 3}",
            {"of": "max(a, b, c) > 3"},
            'f.yaml:1:6: of: a comma inside braces ends the value, and split it. Quote the expression: "..."',
        ),
        (
            "{subject: 'a, b', text: Stop now, pull over}",
            {"subject": "a, b", "text": "Stop now, pull over"},
            'f.yaml:1:25: text: a comma inside braces ends the value, and split it. Quote the text: "..."',
        ),
    ],
)
def test_a_comma_that_split_a_value_is_recognised_and_mended(text: str, data: object, mistake: str) -> None:
    """It is told once, and reading goes on with what was meant."""
    assert read(text) == (data, [mistake])


def test_an_empty_entry_is_not_taken_for_a_split() -> None:
    """A name without a value is an entry of its own."""
    assert read("{warning, critical: {when: x}}") == ({"warning": None, "critical": {"when": "x"}}, [])
    assert read("{rule: x, dry_run: }") == ({"rule": "x", "dry_run": None}, [])


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "the key 'a' is repeated (first on line 1)"),
        ("a: &x 1\nb: *x\n", "1:4", "anchors"),
        ("a: !!python/object/apply:os.system [ls]\n", "1:4", "tag"),
        ("a: !x 1\n", "1:4", "tag"),
        ("[" * 40 + "]" * 40, "1:33", "nested deeper than 32"),
        ("a: 1\n---\nb: 2\n", "2:1", "second document"),
        ("{[a]: 1}", "1:2", "a key must be a text"),
        ("", "1:1", "empty"),
        ("a: b: c\n", "1:5", "not YAML"),
        ("a: {of: x in [1, 2]}\n", "1:14", "Quote the expression"),
        ("a: 'x\n", "2:1", "not YAML"),
        ("a: \x07\n", "1:1", "not YAML"),
        ("a: " + "x" * (1 << 20), "1:1", "larger than 1 MiB"),
    ],
)
def test_what_is_not_read_is_refused_with_its_place(text: str, place: str, part: str) -> None:
    """No tag, alias or depth gets through, and no broken text is an exception."""
    mistakes = read(text)[1]
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"f.yaml:{place}: ")
    assert part in mistakes[0]


def test_a_file_that_cannot_be_read_is_a_mistake_like_others(tmp_path: Path) -> None:
    """Missing files, folders and bytes that are no text are told by name."""
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for name, part in (
        ("missing.yaml", "cannot be read"),
        ("binary.yaml", "not UTF-8"),
        (".", "cannot be read"),
    ):
        mistakes = Mistakes()
        assert read_file(tmp_path / name, name, mistakes) is None
        assert part in str(mistakes.found[0])


def test_plain_data_is_a_document_without_lines() -> None:
    """Its values have paths all the same, and its mistakes leave the line away."""
    mistakes = Mistakes()
    document = locate({"a": [{"b": 1}], "c": (2,)}, "rules/1/f")
    assert document.plain() == {"a": [{"b": 1}], "c": [2]}
    mistakes.add(below(document, "a", 0, "b"), "wrong", "Mend it.")
    assert str(mistakes.found[0]) == "rules/1/f: a[0].b: wrong. Mend it."
