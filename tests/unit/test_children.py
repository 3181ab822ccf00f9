"""Processes that live and end together."""

from __future__ import annotations

import pytest

from flows.children import Children
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
