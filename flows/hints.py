"""What to say to a word that nobody knows: the nearest that is known, or all of them."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A hint that names the nearest known word, or all of them."""
    near = difflib.get_close_matches(word, known, 1, 0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known are {', '.join(sorted(known))}." if known else "None are declared."
