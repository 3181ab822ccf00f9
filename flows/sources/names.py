"""Names that sources share: kinds of identifiers, and what rules read as `profile.<name>`, without two meanings."""

from __future__ import annotations

from collections.abc import Mapping

from flows.documents import Located, Mistakes
from flows.sources.model import Source, Sources

# What rules find in the profile without any source, and the one word that `reconcile` has for all names.
RESERVED = frozenset(
    {"stage", "time_zone", "place", "latitude", "longitude", "has_open", "last_action", "default"}
)


def kinds_of(sources: Sources) -> frozenset[str]:
    """The kinds of identifiers that rows may hold: the names of the sources, and what they declare."""
    return _kinds(sources.systems)


def attributes_of(sources: Sources) -> frozenset[str]:
    """The names of all attributes, personal ones too."""
    return frozenset(one.name for system in sources.systems.values() for one in system.attributes)


def check_names(at: Located, systems: Mapping[str, Source], mistakes: Mistakes) -> None:
    """Each name means one thing in all sources; `at` is the mapping of them."""
    kinds = _kinds(systems)
    first: dict[str, tuple[str, str]] = {}
    for system in systems.values():
        readable = [(one.name, "preference") for one in system.preferences]
        readable += [
            (one.name, "personal attribute" if one.personal else "attribute") for one in system.attributes
        ]
        for name, means in readable:
            under = "preferences" if means == "preference" else "attributes"
            where = _below(_below(at, system.name), under)
            if name in RESERVED:
                message = f"{name!r} has a meaning of its own in profiles"
                mistakes.add(where, message, "Choose another name.", key=name)
            elif name in kinds:
                message = f"{name!r} is a kind of identifier already"
                mistakes.add(where, message, "Choose another name: `match` could mean either.", key=name)
            other, source = first.setdefault(name, (means, system.name))
            if other != means:
                message = f"{name!r} is {_a(means)} here, and {_a(other)} of {source!r}"
                mistakes.add(where, message, "Give one of them another name.", key=name)


def _below(at: Located, name: str) -> Located:
    """A field of a mapping; itself when there is none."""
    return at.value.get(name, at) if isinstance(at.value, dict) else at


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _kinds(systems: Mapping[str, Source]) -> frozenset[str]:
    declared = {one.kind for system in systems.values() for one in system.identifiers}
    return frozenset(systems) | declared
