"""Reading `identity.yaml`: when two handles are one person.

```yaml
kinds:
  crm: {per_person: 1}             # unique, an account: one person has at most so many
  email: {shared_above: 3}         # next to more than 3 accounts it is shared, and stops linking
  cookie: {shared_above: 2, expires: 90d}     # evidence older than that, in event time, does not count
match:                             # any of these; inside brackets all of them
  - email
  - [phone, birth_date]            # attributes may stand there, personal ones too
```
"""

from __future__ import annotations

from collections.abc import Collection

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_entries
from flows.sources.identifiers import THINGS
from flows.sources.model import IdentityRules, KindRule, Sources
from flows.sources.names import attributes_of, kinds_of

_MOST = 1_000_000
_MAX_TOGETHER = 8
_MAX_MATCHES = 64


def read_identity(
    document: Located, sources: Sources, in_events: Collection[str], mistakes: Mistakes
) -> IdentityRules:
    """The rules of a document that could be read; `in_events` are the kinds of identifiers that events carry."""
    fields = Fields(document, mistakes, ("kinds", "match"))
    kinds = kinds_of(sources) | frozenset(in_events) - THINGS
    return IdentityRules(kinds=_kinds(fields, kinds), match=_match(fields, kinds | attributes_of(sources)))


def _kinds(fields: Fields, known: Collection[str]) -> dict[str, KindRule]:
    """What single kinds are worth."""
    at = fields.get("kinds")
    if at is None or at.value is None:
        return {}
    found: dict[str, KindRule] = {}
    for kind, below in read_entries(at, fields.mistakes).items():
        if kind not in known:
            fields.mistakes.add(at, _unknown(kind), _hint(kind, known), key=kind)
        found[kind] = _kind(kind, below, fields.mistakes)
    return found


def _kind(kind: str, at: Located, mistakes: Mistakes) -> KindRule:
    """One kind; nothing at all is what every kind has."""
    if at.value is None:
        return KindRule(kind=kind)
    fields = Fields(at, mistakes, ("per_person", "shared_above", "expires"))
    per_person = fields.whole("per_person", 1, _MOST)
    shared = fields.whole("shared_above", 1, _MOST)
    if fields.has("per_person") and fields.has("shared_above"):
        message = "a kind with `per_person` names an account, which is not shared"
        fields.wrong("shared_above", message, "Remove one of the two.")
    rule = KindRule(kind=kind, per_person=per_person, expires=fields.duration("expires", 1000, 3660 * DAY))
    return rule if shared is None else KindRule(kind=kind, shared_above=shared, expires=rule.expires)


def _match(fields: Fields, known: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """Each alternative as the names that must agree."""
    found: list[tuple[str, ...]] = []
    for at in fields.items("match", _MAX_MATCHES):
        together = at.value if isinstance(at.value, list) else [at]
        names = tuple(one.value for one in together if isinstance(one.value, str))
        if len(names) != len(together) or not names:
            fields.mistakes.add(at, "names are needed here", "For example `- email` or `- [phone, born]`.")
            continue
        if len(names) > _MAX_TOGETHER:
            fields.mistakes.add(at, f"more than {_MAX_TOGETHER} names", "Leave some away.")
            continue
        for place, name in zip(together, names, strict=True):
            if name not in known:
                fields.mistakes.add(place, _unknown(name), _hint(name, known))
            elif names.count(name) > 1:
                fields.mistakes.add(place, f"{name!r} is named twice", "Leave it away once.")
        if names in found:
            fields.mistakes.add(at, "this stands there already", "Leave it away once.")
        found.append(names)
    return tuple(found)


def _unknown(name: str) -> str:
    if name in THINGS:
        return f"a thing never joins two people, and {name!r} is a kind of thing"
    return f"{name[:64]!r} is neither an identifier of a source or an event nor an attribute of a source"


def _hint(name: str, known: Collection[str]) -> str:
    return "Leave it away: things have roles." if name in THINGS else did_you_mean(name, known)
