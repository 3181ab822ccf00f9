"""What `sources.yaml` and `identity.yaml` say, read against the other documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flows.documents import Located, Mistakes, locate, read_file
from flows.fields import did_you_mean
from flows.rules.model import Aggregate, Purpose
from flows.settings import Settings
from flows.sources.matching import read_identity
from flows.sources.model import IdentityRules, Sources
from flows.sources.read import read_sources
from flows.stream_files import read_declarations
from flows.streams import EventType


def read_people(
    sources: Located | None, identity: Located | None, events: Mapping[str, EventType], mistakes: Mistakes
) -> tuple[Sources, IdentityRules]:
    """The sources, and when two handles are one person; events carry identifiers too."""
    found = Sources() if sources is None else read_sources(sources, mistakes)
    in_events = {kind for event in events.values() for kind in event.identifiers}
    # Without the sources every kind would be unknown.
    if identity is None or sources is None:
        return found, IdentityRules()
    return found, read_identity(identity, found, in_events, mistakes)


def check_people(
    at: Located | None,
    sources: Sources,
    purposes: Mapping[str, Purpose],
    profile: Iterable[Aggregate],
    mistakes: Mistakes,
) -> None:
    """Each consent is asked for by a purpose, and no attribute has the name of a value of the profile."""
    known = {purpose.consent for purpose in purposes.values() if purpose.consent} | set(
        _with_parents(purposes)
    )
    values = {aggregate.name for aggregate in profile}
    for name, system in sources.systems.items():
        here = _below(_below(at, "sources"), name)
        for consent in system.consents:
            if consent.purpose not in known:
                message = f"no purpose needs the consent {consent.purpose!r}"
                _add(
                    mistakes,
                    _below(here, "consent"),
                    consent.purpose,
                    message,
                    did_you_mean(consent.purpose, known),
                )
        for field, declared in (("attributes", system.attributes), ("preferences", system.preferences)):
            for one in declared:
                if one.name in values:
                    message = f"{one.name!r} is a value of the profile already"
                    _add(
                        mistakes,
                        _below(here, field),
                        one.name,
                        message,
                        "Choose another name for one of them.",
                    )


def _with_parents(purposes: Iterable[str]) -> Iterable[str]:
    """`marketing.fashion` and `marketing`: a consent to the wider one is asked for too."""
    for purpose in purposes:
        parts = purpose.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _below(at: Located | None, name: str) -> Located | None:
    """A field of a mapping, if it is one."""
    return at.value.get(name) if at is not None and isinstance(at.value, dict) else None


def _add(mistakes: Mistakes, at: Located | None, key: str, message: str, hint: str) -> None:
    if at is not None:
        mistakes.add(at, message, hint, key=key)


def load_people(settings: Settings) -> tuple[Sources, IdentityRules]:
    """The sources and the matching of the settings, whatever the other files say; raises RulesWrong.

    Only the events of the streams' file are read besides, for the identifiers that they carry.
    """
    mistakes = Mistakes()
    streams = _file(settings, "streams", {"streams": {}}, mistakes)
    sources = _file(settings, "sources", {"sources": {}}, mistakes)
    identity = _file(settings, "matching", {}, mistakes)
    events = {} if streams is None else read_declarations(streams, mistakes)[1]
    found = read_people(sources, identity, events, mistakes)
    mistakes.raise_any()
    return found


def _file(settings: Settings, name: str, nothing: dict[str, Any], mistakes: Mistakes) -> Located | None:
    """A file that may be missing under its default name, and then says nothing."""
    given = getattr(settings, name)
    path = settings.path(given)
    if given == getattr(Settings(), name) and not path.exists():
        return locate(nothing, str(path))
    return read_file(path, str(path), mistakes)
