"""A page is Markdown written by hand, with parts that are made: what stands between two comments is not to be edited.

`<!-- made: settings -->` begins a part and `<!-- end -->` ends it. After the part's name may stand what it is of:
`<!-- made: fields rule when -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from flows.reference import (
    commands,
    examples,
    fields,
    language,
    messages,
    metrics,
    patterns,
    settings,
    transcripts,
)

FOLDER = Path(__file__).parent
_PART = re.compile(r"(<!-- made: (?P<name>\w+)(?P<of>[^>]*?) -->\n)(?:.*?\n)??(<!-- end -->)", re.DOTALL)

PARTS: dict[str, Callable[..., str]] = {
    "commands": commands.made,
    "example": examples.made,
    "fields": fields.made,
    "functions": language.functions,
    "message": messages.message,
    "metrics": metrics.made,
    "names": language.names,
    "operators": language.operators,
    "patterns": patterns.made,
    "settings": settings.made,
    "told": transcripts.made,
    "topics": messages.topics,
}
"""What makes each part: called with the words after its name, it returns Markdown."""


def pages() -> list[Path]:
    """All pages, by name."""
    return sorted(FOLDER.glob("*.md"))


def rendered(text: str) -> str:
    """A page with its parts made anew; raises KeyError for a part that nothing makes."""

    def made(found: re.Match[str]) -> str:
        return f"{found[1]}{PARTS[found['name']](*found['of'].split()).strip()}\n{found[4]}"

    return _PART.sub(made, text)
