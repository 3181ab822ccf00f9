"""Reading `choose:`, alternatives of which the first that holds is done."""

from __future__ import annotations

from collections.abc import Callable

from flows.documents import Located
from flows.expressions import parse
from flows.fields import Fields, read_items
from flows.rules.asking import Asking
from flows.rules.model import Alternative, Choose, Entry
from flows.stream_files import DASHED_NAME

MAX_ALTERNATIVES = 16
_UNREADABLE = parse("False")


def read_choose(at: Located, asking: Asking, do: Callable[[Located], tuple[Entry, ...]]) -> Choose:
    """The alternatives in their order; `do` reads what one of them does."""
    mistakes = asking.mistakes
    found: list[Alternative] = []
    for item in read_items(at, mistakes, MAX_ALTERNATIVES):
        if any(each.condition is None for each in found):
            hint = "Give it an `if:`, or put it last."
            mistakes.add(item, f"the alternative {found[-1].name!r} before it always holds", hint)
            break
        alternative = _alternative(item, asking, do)
        if alternative.name and alternative.name in [each.name for each in found]:
            mistakes.add(item, f"two alternatives are called {alternative.name!r}", "Name them apart.")
        found.append(alternative)
    if isinstance(at.value, list) and not at.value:
        mistakes.add(at, "there is nothing to choose from", "Add `- {name: …, if: …, do: […]}`.")
    return Choose(alternatives=tuple(found))


def _alternative(at: Located, asking: Asking, do: Callable[[Located], tuple[Entry, ...]]) -> Alternative:
    """One of them; its name is what decisions and reports call it."""
    fields = Fields(at, asking.mistakes, ("name", "if", "do"))
    fields.require("name", "do")
    name = fields.text("name")
    if name and not DASHED_NAME.match(name):
        fields.wrong("name", f"{name!r} cannot be a name", "Use small letters, digits, - and _.")
    condition = asking.condition(fields, "if")
    if condition is None and fields.has("if"):
        # What is wrong with it is said already; as if it were there, so that no second mistake comes of it.
        condition = _UNREADABLE
    entries = do(fields.entries["do"]) if fields.has("do") else ()
    return Alternative(name=name, condition=condition, do=entries)
