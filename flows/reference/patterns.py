"""What patterns mean, word for word from the page that the proofs are held to."""

from __future__ import annotations

import re
from pathlib import Path

from flows import rules

_PAGE = Path(rules.__file__).parent / "PATTERNS.md"


def made(*heading: str) -> str:
    """What stands under a heading of `PATTERNS.md`; raises KeyError for one that is not there."""
    sections = re.split(r"^## ", _PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    bodies = dict(section.split("\n", 1) for section in sections)
    return bodies[" ".join(heading)].strip()
