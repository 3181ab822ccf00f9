"""Processes that live and end together."""

from __future__ import annotations

import pytest

from flows.children import Children, Panics
from flows.errors import ProcessEnded


def test_a_child_is_watched_though_nobody_listens_to_it_any_more() -> None:
    """When standard error is a pipe whose reader has left, the end of a child is noticed all the same."""

    def gone(name: str, line: str) -> None:
        raise BrokenPipeError(f"{name}: {line}")

    with Children(gone) as children:
        children.start("version", ["--version"])
        with pytest.raises(ProcessEnded) as ended:
            children.wait(120)
    assert "telltale " in str(ended.value)


PANIC = """\
thread '<unnamed>' panicked at src/inputs.rs:446:37:
Box<dyn Any>
stack backtrace:
   0: std::panicking::begin_panic
             at /tmp/build/Objects/methodobject.c:443:24
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""


@pytest.mark.parametrize(("code", "kept"), [(2, False), (3, False), (1, True)])
def test_what_rust_says_around_an_error_that_was_told_is_kept_back(code: int, kept: bool) -> None:
    """Of an end that the child did not tell itself, all that was said is handed on, after the rest."""
    said: list[str] = []
    with Children(lambda _, line: said.append(line), shown=True) as children:
        children.start(
            "flow",
            ["-c", f"import sys; print({PANIC!r} + 'a plain paragraph'); sys.exit({code})"],
            program=(),
        )
        with pytest.raises(ProcessEnded) as ended:
            children.wait(120)
    assert said == ["a plain paragraph", *(PANIC.splitlines() if kept else ())]
    assert "What it said stands above." in str(ended.value)
    assert "panicked" not in str(ended.value)


def test_only_a_panic_is_kept_back() -> None:
    """The first line that is none of it ends it; its second line may say anything."""
    panics = Panics()
    lines = ["before", *PANIC.splitlines(), "after", "  at noon", "stack backtrace:"]
    assert [panics.take(line) for line in lines] == [
        False,
        *[True] * len(PANIC.splitlines()),
        False,
        False,
        False,
    ]
    assert panics.lines == PANIC.splitlines()
