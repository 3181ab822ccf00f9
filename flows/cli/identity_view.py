"""How `telltale identity` shows people: aligned, masked unless values are asked for, and the same as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from flows.cli.options import Output
from flows.cli.show import counted, harmless, pairs, rows, time_of, value_of
from flows.identity.evidence import Judgement
from flows.identity.explain import Step
from flows.identity.known import About
from flows.identity.obstacles import Missing
from flows.schema import Role, encode
from flows.schema_people import Attested, Person, Value

_HEX_SHOWN = 8
_TELLING = ("email", "phone")
_MOST = 100


def masked(kind: str, value: str) -> str:
    """As much of a value as tells it from others: a…@b.c, +49…17, A…"""
    if kind == "email":
        local, _, domain = value.rpartition("@")
        return f"{local[:1]}…@{domain}"
    if kind == "phone":
        return f"{value[:3]}…{value[-2:]}" if len(value) > 8 else f"{value[:1]}…"
    return f"{value[:1]}…" if len(value) > 2 else "…"


class Labels:
    """What tokens are called on a screen; `values` are those that may be told, by token."""

    def __init__(self, values: Mapping[str, str], reveal: bool) -> None:
        self._values, self._reveal = values, reveal

    def value(self, token: str) -> str:
        """The value of a token, as far as it is told."""
        value = self._values.get(token)
        if value is None:
            return ""
        return harmless(value if self._reveal else masked(token.partition(":")[0], value))

    def attribute(self, name: str, value: Value) -> str:
        """A personal attribute, as far as it is told."""
        return harmless(value_of(value) if self._reveal else masked(name, value_of(value)))

    def of(self, token: str) -> str:
        """A token by its value, else by its first digits: of masked values only some tell one from another."""
        kind, _, digits = token.partition(":")
        if (self._reveal or kind in _TELLING) and (value := self.value(token)):
            return f"{kind}:{value}"
        return f"{kind}:{digits[:_HEX_SHOWN]}…" if len(digits) > _HEX_SHOWN else harmless(token)

    def within(self, text: str, tokens: Iterable[str]) -> str:
        """A text with its tokens by their labels."""
        for token in tokens:
            text = text.replace(token, self.of(token))
        return harmless(text)


def show(
    found: About, person: Person, personal: Mapping[str, Attested], labels: Labels, output: Output
) -> None:
    """Print a customer."""
    if output is Output.json:
        print(encode(_whole(found, person, personal, labels)).decode())
        return
    print(harmless(found.customer))
    if found.merged:
        pairs([("was also", ", ".join(found.merged[:_MOST]))], indent="  ")
    _identifiers(found, labels)
    _attributes(person, personal, labels)
    _section("roles", ((f"{each.role} of {thing}", _role(each, labels)) for thing, each in found.roles))
    _section("records", ((labels.of(each.handle), _said(each.source, each.at)) for each in found.records))
    _section("judgements", ((each.kind, judged(each, labels)) for each in found.judgements))


def judged(each: Judgement, labels: Labels) -> str:
    """A judgement in words."""
    about = labels.of(each.a) if each.kind == "erase" else f"{labels.of(each.a)} and {labels.of(each.b)}"
    return harmless(f"{about}: {each.who}, {time_of(each.at)}" + (f", {each.reason}" if each.reason else ""))


def chain(steps: Collection[Step], labels: Labels, output: Output) -> None:
    """Print a chain of evidence, a piece a line."""
    if output is Output.json:
        for step in steps:
            print(encode(step).decode())
        return
    rows(
        [
            {
                "evidence": labels.of(step.evidence) if step.kind == "record" else step.kind,
                "from": step.source,
                "at": time_of(step.at),
                "names": " and ".join(map(labels.of, step.tokens)),
                "tied by": step.rule,
                **({"because": step.reason} if any(each.reason for each in steps) else {}),
            }
            for step in steps
        ],
        output,
        "",
    )


def obstacles(missing: Collection[Missing], tokens: Collection[str], labels: Labels, output: Output) -> None:
    """Print what keeps two apart, a reason a line."""
    for each in missing:
        if output is Output.json:
            print(encode(each).decode())
            continue
        because = f": {harmless(each.reason)}" if each.reason else ""
        when = f" ({time_of(each.at)}{because})" if each.at is not None else ""
        print(f"{each.kind}: {labels.within(each.text, tokens)}{when}")


def _identifiers(found: About, labels: Labels) -> None:
    """The tokens of a customer, and those that are not theirs alone."""
    print("  identifiers")
    own = [(token, labels.value(token)) for token in found.own]
    besides = [
        (token, f"{labels.value(token)}  {'shared' if token in found.shared else 'of others, too'}".strip())
        for token in found.besides
    ]
    listed = [*own, *besides]
    size = max((len(token) for token, _ in listed), default=0)
    for token, value in listed[:_MOST]:
        print(f"    {token:<{size}}  {value}".rstrip())
    if len(listed) > _MOST:
        print(f"    and {counted(len(listed) - _MOST, 'more identifier')}")


def _attributes(person: Person, personal: Mapping[str, Attested], labels: Labels) -> None:
    """What is said of a person, and by whom when."""
    plain = {**person.attributes, **person.preferences}
    if person.time_zone is not None:
        plain["time_zone"] = person.time_zone
    told = [
        *((name, harmless(value_of(each.value)), each) for name, each in plain.items()),
        *((name, labels.attribute(name, each.value), each) for name, each in personal.items()),
    ]
    _section(
        "attributes", ((name, f"{value}  ({_said(each.source, each.at)})") for name, value, each in told)
    )
    _section(
        "consents",
        (
            (purpose, f"{value_of(each.granted)}  ({_said(each.source, each.at)})")
            for purpose, each in person.consents.items()
        ),
    )


def _said(source: str, at: int) -> str:
    return f"{harmless(source)}, {time_of(at)}"


def _role(role: Role, labels: Labels) -> str:
    """From when until when, and which row says so."""
    since = f"since {time_of(role.since)}" if role.since is not None else ""
    until = f"until {time_of(role.until)}" if role.until is not None else ""
    return ", ".join(each for each in (since, until, f"says {labels.of(role.evidence)}") if each)


def _section(name: str, listed: Iterable[tuple[str, str]]) -> None:
    """A heading and its lines; nothing where there are none."""
    found = [(harmless(label), value) for label, value in listed]
    if found:
        print(f"  {name}")
        pairs(found[:_MOST], indent="    ")
        if len(found) > _MOST:
            print(f"    and {len(found) - _MOST} more")


def _whole(found: About, person: Person, personal: Mapping[str, Attested], labels: Labels) -> dict[str, Any]:
    """A customer as one object of JSON."""
    return {
        "customer": found.customer,
        "merged": found.merged,
        "identifiers": [
            {
                "token": token,
                "value": labels.value(token) or None,
                "own": token in found.own,
                "shared": token in found.shared,
            }
            for token in (*found.own, *found.besides)
        ],
        "person": person,
        "personal": {
            name: msgspec.structs.replace(each, value=labels.attribute(name, each.value))
            for name, each in personal.items()
        },
        "roles": [{"thing": thing, **msgspec.to_builtins(each)} for thing, each in found.roles],
        "records": [{"handle": each.handle, "source": each.source, "at": each.at} for each in found.records],
        "judgements": [msgspec.structs.asdict(each) for each in found.judgements],
    }
