"""Reading what becomes of an episode: `severity`, `clear` and `ends`."""

from __future__ import annotations

from flows.documents import Located, Mistakes
from flows.fields import Fields, read_entries
from flows.rules.conditions import Names, read_condition
from flows.rules.model import Clear, Severity
from flows.stream_files import NAME

MAX_SEVERITIES = 8


def read_severities(at: Located, names: Names, mistakes: Mistakes) -> tuple[Severity, ...]:
    """The severities, lowest first; the lowest holds whenever the pattern does, so it has no `when`."""
    entries = read_entries(at, mistakes)
    if not 1 <= len(entries) <= MAX_SEVERITIES:
        mistakes.add(at, "one to eight severities are needed", "Write the lowest first: `warning: {}`.")
        return ()
    found: list[Severity] = []
    for name, below in entries.items():
        if not NAME.match(name):
            mistakes.add(at, f"{name!r} cannot be a severity", "Use letters, digits and _.", key=name)
        found.append(_severity(name, below, names, mistakes, lowest=not found))
    return tuple(found)


def _severity(name: str, at: Located, names: Names, mistakes: Mistakes, *, lowest: bool) -> Severity:
    """One severity with its own conditions up and down."""
    if at.value is None and lowest:
        return Severity(name=name)
    fields = Fields(at, mistakes, ("when", "clear"))
    if lowest:
        for field in fields.entries:
            hint = "Leave it away; severities stand lowest first."
            fields.wrong(field, f"the lowest severity {name!r} has no `{field}`", hint)
        return Severity(name=name)
    fields.require("when")
    given = {f: read_condition(below, names, mistakes) for f, below in fields.entries.items()}
    return Severity(name=name, when=given.get("when"), clear=given.get("clear"))


def read_clear(at: Located, names: Names, mistakes: Mistakes) -> Clear | None:
    """`{run: 3, of: coolant_c < 100}`."""
    fields = Fields(at, mistakes, ("run", "of"))
    run = fields.whole("run", 1, 10_000) if fields.has("run") else 1
    if not fields.require("of"):
        return None
    of = read_condition(fields.entries["of"], names, mistakes)
    return None if run is None or of is None else Clear(run=run, of=of)


def read_ends(at: Located, mistakes: Mistakes) -> int | None:
    """`{silent: 6h}`: after how long a silence (ms) an episode lapses."""
    fields = Fields(at, mistakes, ("silent",))
    fields.require("silent")
    return fields.duration("silent", 1000)
