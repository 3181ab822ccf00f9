"""Loading a whole configuration: streams, rules, purposes, profile, sources and more, from files or plain data.

Both ways go through the same readers, so that a set published on a topic means what its files meant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from flows.documents import Located, Mistakes, locate, read_file
from flows.fields import did_you_mean
from flows.look_up_files import read_look_ups
from flows.rules.declarations import read_budgets, read_purposes
from flows.rules.model import (
    Aggregate,
    Budget,
    LookUpSource,
    NamedPlace,
    Purpose,
    Rule,
    RuleSet,
    StreamAggregate,
    StreamPosition,
)
from flows.rules.people import check_people, read_people
from flows.rules.profile_checks import check_profile
from flows.rules.profile_files import ProfileFile, read_profile
from flows.rules.reader import Surroundings, read_rule
from flows.settings import Settings
from flows.sources.model import IdentityRules, Sources
from flows.stream_files import read_declarations
from flows.streams import EventType, Stream

MAX_RULES = 10_000
# What the files say that may be missing.
_NOTHING: dict[str, dict[str, Any]] = {
    "purposes": {"purposes": {}},
    "profile": {"values": {}},
    "look_ups": {"look_ups": {}},
    "sources": {"sources": {}},
    "matching": {},
}


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """What the files say as plain data; `rules` is by file name."""

    streams: dict[str, Any]
    rules: dict[str, Any]
    purposes: dict[str, Any]
    profile: dict[str, Any]
    look_ups: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    identity: dict[str, Any] = {}

    def fingerprint(self) -> str:
        """24 hexadecimal digits over everything but comments, layout and the order of the files."""
        rules = sorted(self.rules.items())
        more = [each for each in (self.look_ups, self.sources, self.identity) if each]
        plain = msgspec.json.encode([self.streams, rules, self.purposes, self.profile, *more])
        return hashlib.blake2b(plain, digest_size=12).hexdigest()


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """A checked configuration: streams, events and purposes by name, rules by name in order, the plain documents."""

    streams: dict[str, Stream]
    events: dict[str, EventType]
    rules: tuple[Rule, ...]
    purposes: dict[str, Purpose]
    profile: tuple[Aggregate, ...]
    documents: Documents
    budgets: dict[str, Budget] = {}
    look_ups: dict[str, LookUpSource] = {}
    sources: Sources = Sources()
    identity: IdentityRules = IdentityRules()
    measured: tuple[StreamAggregate, ...] = ()
    places: tuple[NamedPlace, ...] = ()
    position: StreamPosition | None = None

    def surroundings(self) -> Surroundings:
        """What other rules may refer to that are read against it."""
        return Surroundings(
            streams=self.streams,
            purposes=self.purposes,
            profile=self.profile,
            events=self.events,
            look_ups=self.look_ups,
            attributes=self.sources.readable(),
            measured=self.measured,
            budgets=self.budgets,
        )

    def rule_set(self, tenant: str, number: int = 0) -> RuleSet:
        """The configuration as a rule set with a number (0: not published)."""
        return RuleSet(
            number=number,
            tenant=tenant,
            rules=self.rules,
            purposes=self.purposes,
            profile=self.profile,
            streams=self.streams,
            events=self.events,
            fingerprint=self.documents.fingerprint(),
            budgets=self.budgets,
            look_ups=self.look_ups,
            sources=self.sources,
            identity=self.identity,
            measured=self.measured,
            places=self.places,
            position=self.position,
        )


def load_configuration(settings: Settings) -> Configuration:
    """Everything the settings name; raises RulesWrong with all mistakes of all files.

    All but the streams and the rules may be missing as long as the settings keep their default names.
    """
    mistakes = Mistakes()
    streams_file = settings.path(settings.streams)
    streams = read_file(streams_file, str(streams_file), mistakes)
    purposes = _optional(settings, "purposes", mistakes)
    profile = _optional(settings, "profile", mistakes)
    look_ups = _optional(settings, "look_ups", mistakes)
    people = _optional(settings, "sources", mistakes), _optional(settings, "matching", mistakes)
    rules = _read_folder(settings.path(settings.rules), mistakes)
    return _compile(streams, rules, purposes, profile, look_ups, people, mistakes)


def load_rules(folder: Path, around: Surroundings) -> tuple[Rule, ...]:
    """The rules of a folder by name, one `.yaml` file a rule; raises RulesWrong with all mistakes of all files."""
    mistakes = Mistakes()
    documents = _read_folder(folder, mistakes)
    rules = _read_rules(documents, around, mistakes)
    mistakes.raise_any()
    return rules


def compile_documents(documents: Documents, name: str = "") -> Configuration:
    """A whole configuration of plain data; `name` stands before each file in findings. Raises RulesWrong."""
    return _compile(
        locate(documents.streams, f"{name}streams"),
        {file: locate(plain, f"{name}{file}") for file, plain in documents.rules.items()},
        locate(documents.purposes, f"{name}purposes"),
        locate(documents.profile, f"{name}profile"),
        locate(documents.look_ups or _NOTHING["look_ups"], f"{name}look_ups"),
        (
            locate(documents.sources or _NOTHING["sources"], f"{name}sources"),
            locate(documents.identity, f"{name}identity"),
        ),
        Mistakes(),
    )


def _compile(
    streams_at: Located | None,
    rules_at: dict[str, Located],
    purposes_at: Located | None,
    profile_at: Located | None,
    look_ups_at: Located | None,
    people_at: tuple[Located | None, Located | None],
    mistakes: Mistakes,
) -> Configuration:
    """Read all documents against each other."""
    streams, events = ({}, {}) if streams_at is None else read_declarations(streams_at, mistakes)
    purposes = {} if purposes_at is None else read_purposes(purposes_at, mistakes)
    profile = ProfileFile() if profile_at is None else read_profile(profile_at, mistakes)
    budgets = {} if purposes_at is None else read_budgets(purposes_at, mistakes)
    asked = {} if look_ups_at is None else read_look_ups(look_ups_at, mistakes)
    look_ups = {name: LookUpSource(name=name, fields=tuple(each.fields)) for name, each in asked.items()}
    sources, identity = read_people(*people_at, events, mistakes)
    around = Surroundings(
        streams,
        purposes,
        profile.values,
        events,
        look_ups,
        measured=profile.measured,
        attributes=sources.readable(),
        budgets=budgets,
    )
    # Without what they refer to, rules would only repeat that it is missing.
    readable = None not in (streams_at, purposes_at, profile_at, look_ups_at, people_at[0])
    rules = _read_rules(rules_at, around, mistakes) if readable else ()
    if purposes_at is not None and profile_at is not None:
        check_people(people_at[0], sources, purposes, profile.values, mistakes)
    names = [name for at in rules_at.values() if (name := _text_at(at, "rule"))]
    _check_references(names, purposes_at, mistakes)
    check_profile(profile_at, streams, events, names, mistakes)
    mistakes.raise_any()
    documents = Documents(
        streams=_plain(streams_at),
        rules={file: at.plain() for file, at in rules_at.items()},
        purposes=_plain(purposes_at),
        profile=_plain(profile_at),
        look_ups=_plain(look_ups_at) if look_ups else {},
        sources=_plain(people_at[0]) if sources.systems else {},
        identity=_plain(people_at[1]),
    )
    return Configuration(
        streams=streams,
        events=events,
        rules=rules,
        purposes=purposes,
        profile=profile.values,
        documents=documents,
        budgets=budgets,
        look_ups=look_ups,
        sources=sources,
        identity=identity,
        measured=profile.measured,
        places=profile.places,
        position=profile.position,
    )


def _plain(at: Located | None) -> dict[str, Any]:
    """A document as plain data."""
    return {} if at is None else at.plain()


def _optional(settings: Settings, name: str, mistakes: Mistakes) -> Located | None:
    """A file that may be missing under its default name."""
    given = getattr(settings, name)
    path = settings.path(given)
    if given == getattr(Settings(), name) and not path.exists():
        return locate(_NOTHING[name], str(path))
    return read_file(path, str(path), mistakes)


def _read_folder(folder: Path, mistakes: Mistakes) -> dict[str, Located]:
    """The documents of a folder by file name."""
    if not folder.is_dir():
        at = Located(None, str(folder))
        mistakes.add(
            at, "the folder of the rules does not exist", "Create it, or set `rules` in telltale.toml."
        )
        return {}
    files = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    if len(files) > MAX_RULES:
        mistakes.add(Located(None, str(folder)), f"more than {MAX_RULES} rules", "Remove some.")
        return {}
    found = {path.name: read_file(path, str(path), mistakes) for path in files if path.name[0] != "."}
    return {name: at for name, at in found.items() if at is not None}


def _read_rules(
    documents: Mapping[str, Located], around: Surroundings, mistakes: Mistakes
) -> tuple[Rule, ...]:
    """The rules by name; two of one name are refused, because episodes hang on it."""
    found: dict[str, Rule] = {}
    for at in documents.values():
        rule = read_rule(at, around, mistakes)
        if rule is None:
            continue
        if rule.name in found:
            message = f"the rule {rule.name!r} stands in {found[rule.name].file} already"
            mistakes.add(at, message, "Give each rule a name of its own.", key="rule")
            continue
        found[rule.name] = rule
    return tuple(found[name] for name in sorted(found))


def _check_references(known: list[str], purposes: Located | None, mistakes: Mistakes) -> None:
    """Rules that purposes name must exist, even when they are wrong themselves."""
    for purpose in _below(purposes, "purposes"):
        listed = _below_value(purpose, "rules")
        for item in listed.value if listed is not None and isinstance(listed.value, list) else []:
            _check_rule(item, known, mistakes)


def _check_rule(at: Located, known: list[str], mistakes: Mistakes) -> None:
    """One name of a rule."""
    if isinstance(at.value, str) and at.value not in known:
        mistakes.add(at, f"there is no rule {at.value!r}", did_you_mean(at.value, known))


def _below_value(at: Located, name: str) -> Located | None:
    """A field of a mapping, if it is one."""
    return at.value.get(name) if isinstance(at.value, dict) else None


def _below(at: Located | None, name: str) -> list[Located]:
    """The entries of the mapping under a field."""
    entries = None if at is None else _below_value(at, name)
    return list(entries.value.values()) if entries is not None and isinstance(entries.value, dict) else []


def _text_at(at: Located, name: str) -> str:
    """A text of a mapping, or nothing."""
    value = _below_value(at, name)
    return value.value if value is not None and isinstance(value.value, str) else ""
