"""Reading `sources.yaml`: which systems tell of customers, and where in their rows everything stands.

```yaml
sources:
  crm:
    key: contact_id                # the row's own id, a dotted path like all others here
    time: updated_at               # since when the row says so; without it the time of its CloudEvent counts
    unit: rfc3339                  # of all times of the row, as in streams.yaml; default rfc3339
    zone: Europe/Berlin            # only with rfc3339: of times that name none
    identifiers:                   # by kind; of one kind there may be a list
      email: [mail, work_mail]
      phone: {from: phone, country: DE}     # of numbers that name none
      shop: shop_account           # the name of another source: the id of one of its rows
    roles:                         # exactly one key names a kind of thing, and where its name stands
      - {role: owner, device: vin, since: bought_at, until: sold_at}
    attributes:                    # rules read them as profile.<name>
      language: lang
      birth_date: {from: born, personal: true}    # to the vault; rules may not read it, identity.yaml may match it
    consent:                       # by purpose: one of `granted` is a yes, anything else there a no
      marketing: {from: newsletter, granted: ["yes", "true"], at: consent_at}
    preferences:
      channel: preferred_channel
    time_zone: tz
reconcile:                         # which source is believed, by attribute, preference or time_zone
  default: last_updated            # last_updated | most_frequent | {source_order: [crm, shop]}
  language: {source_order: [crm, shop]}
```
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from typing import cast, get_args

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import Fields, read_entries, read_items
from flows.path_files import read_path
from flows.sources.identifiers import KIND, THINGS, is_country
from flows.sources.model import AttributePath, ConsentPath, IdentifierPath, RolePath, Source, Sources
from flows.sources.names import check_names
from flows.sources.reconciling import read_reconcile
from flows.stream_files import DASHED_NAME, NAME, read_zone
from flows.streams import TimeUnit

_SOURCE = (
    *("key", "time", "unit", "zone", "identifiers", "roles", "attributes", "consent", "preferences"),
    "time_zone",
)
_MAX_PATHS = 64
_GRANTED = ConsentPath(purpose="", path="").granted


def read_sources(document: Located, mistakes: Mistakes) -> Sources:
    """The sources of a document that could be read; the rest is in `mistakes`."""
    fields = Fields(document, mistakes, ("sources", "reconcile"))
    if not fields.require("sources"):
        return Sources()
    at = fields.entries["sources"]
    systems: dict[str, Source] = {}
    for name, below in read_entries(at, mistakes).items():
        if not is_kind(name):
            hint = "Use small letters, digits, - and _, and no kind of thing: it is a kind of identifier."
            mistakes.add(at, f"{name[:64]!r} cannot be the name of a source", hint, key=name)
        systems[name] = _source(name, below, mistakes)
    check_names(at, systems, mistakes)
    default, reconcile = read_reconcile(fields, systems)
    return Sources(systems=systems, reconcile=reconcile, default=default)


def is_kind(name: str) -> bool:
    """Whether a name can be a kind of identifier: things have roles, and customers are what is looked for."""
    return KIND.match(name) is not None and name not in THINGS and name != "customer"


def _source(name: str, at: Located, mistakes: Mistakes) -> Source:
    """One system; what is wrong with it is left empty."""
    fields = Fields(at, mistakes, _SOURCE)
    fields.require("key")
    unit = cast("TimeUnit", fields.one_of("unit", get_args(TimeUnit), "rfc3339"))
    return Source(
        name=name,
        key=read_path(fields, "key"),
        time=read_path(fields, "time"),
        time_unit=unit,
        zone=read_zone(fields, unit),
        identifiers=tuple(_identifiers(fields)),
        roles=tuple(_roles(fields)),
        attributes=tuple(_attributes(fields, "attributes", ("from", "personal"))),
        consents=tuple(_consents(fields)),
        preferences=tuple(_attributes(fields, "preferences", ("from",))),
        time_zone=read_path(fields, "time_zone"),
    )


def _entries(fields: Fields, name: str) -> dict[str, Located]:
    """The entries under a field, at most so many; none when it is not there or empty."""
    if not fields.has(name):
        return {}
    found = read_entries(fields.entries[name], fields.mistakes)
    if len(found) > _MAX_PATHS:
        fields.wrong(name, f"more than {_MAX_PATHS} of them", "Leave some away.")
        return {}
    return found


def _place(at: Located, mistakes: Mistakes, known: tuple[str, ...]) -> Fields:
    """The fields of an entry, which may be the path alone: `mail` stands for `{from: mail}`."""
    if not isinstance(at.value, dict):
        at = msgspec.structs.replace(at, value={"from": at}, keys={})
    fields = Fields(at, mistakes, known)
    fields.require("from")
    return fields


def _identifiers(fields: Fields) -> Iterable[IdentifierPath]:
    """Where identifiers stand, by kind."""
    mistakes = fields.mistakes
    for kind, below in _entries(fields, "identifiers").items():
        at = fields.entries["identifiers"]
        if kind in THINGS:
            message = f"a thing never joins two people, and {kind!r} is a kind of thing"
            mistakes.add(at, message, f"Write it under `roles`: {{role: owner, {kind}: …}}.", key=kind)
        elif not is_kind(kind):
            mistakes.add(
                at, f"{kind[:64]!r} is no kind of identifier", "For example email, phone, crm.", key=kind
            )
        several = read_items(below, mistakes, _MAX_PATHS) if isinstance(below.value, list) else [below]
        for one in several:
            place = _place(one, mistakes, ("from", "country"))
            yield IdentifierPath(
                kind=kind, path=read_path(place, "from"), country=_country(place, kind == "phone")
            )


def _country(fields: Fields, phone: bool) -> str:
    """The country of phone numbers that name none."""
    country = fields.text("country")
    if not country:
        return ""
    if not phone:
        fields.wrong("country", "only phone numbers have a country", "Remove it.")
    elif not is_country(country):
        hint = "Write its ISO 3166 code in capitals, e.g. DE, or GB for the United Kingdom."
        fields.wrong("country", f"there is no country {country[:64]!r}", hint)
    return country


def _roles(fields: Fields) -> Iterable[RolePath]:
    """What rows claim of things."""
    things = ", ".join(sorted(THINGS))
    for at in fields.items("roles", _MAX_PATHS):
        one = Fields(at, fields.mistakes, ("role", "since", "until", *sorted(THINGS)))
        one.require("role")
        role = one.text("role")
        if role and not DASHED_NAME.match(role):
            one.wrong("role", f"{role[:64]!r} cannot be a role", "For example owner, driver, dealer.")
        named = [kind for kind in THINGS if one.has(kind)]
        if len(named) == 1:
            since, until = read_path(one, "since"), read_path(one, "until")
            path = read_path(one, named[0])
            yield RolePath(role=role, thing=named[0], path=path, since=since, until=until)
        elif isinstance(at.value, dict):
            hint = "For example {role: owner, device: vin}."
            fields.mistakes.add(at, f"a role is to exactly one kind of thing: {things}", hint)


def _attributes(fields: Fields, name: str, known: tuple[str, ...]) -> Iterable[AttributePath]:
    """Attributes or preferences."""
    for called, below in _entries(fields, name).items():
        if not NAME.match(called) or keyword.iskeyword(called):
            hint = "Use letters, digits and _: rules read it as profile.<name>."
            fields.mistakes.add(
                fields.entries[name], f"{called[:64]!r} cannot be a name here", hint, key=called
            )
        place = _place(below, fields.mistakes, known)
        personal = place.get("personal")
        if personal is not None and not isinstance(personal.value, bool):
            place.wrong("personal", "a truth is needed", "Write true or false.")
        yield AttributePath(
            name=called,
            path=read_path(place, "from"),
            personal=personal is not None and personal.value is True,
        )


def _consents(fields: Fields) -> Iterable[ConsentPath]:
    """Where consents stand, by purpose."""
    at = fields.get("consent")
    if at is None or at.value is None:
        return
    if not isinstance(at.value, dict) or "from" in at.value:
        hint = "Name it: `consent: {marketing: {from: newsletter}}`."
        fields.wrong("consent", "a consent is for a purpose, and none is named", hint)
        return
    for purpose, below in _entries(fields, "consent").items():
        if not DASHED_NAME.match(purpose):
            hint = "Use small letters, digits, - _ and dots, e.g. marketing."
            fields.mistakes.add(at, f"{purpose[:64]!r} cannot be a purpose", hint, key=purpose)
        place = _place(below, fields.mistakes, ("from", "granted", "at"))
        granted = _granted(place) if place.has("granted") else _GRANTED
        yield ConsentPath(
            purpose=purpose, path=read_path(place, "from"), granted=granted, at=read_path(place, "at")
        )


def _granted(fields: Fields) -> tuple[str, ...]:
    """The texts that are a yes; a truth and a whole number stand for how they are written."""
    found: list[str] = []
    for at in fields.items("granted", _MAX_PATHS):
        if isinstance(at.value, bool):
            found.append(str(at.value).lower())
        elif isinstance(at.value, str | int):
            found.append(str(at.value))
        else:
            fields.mistakes.add(at, "a text is needed", "Quote it.")
    if not found:
        fields.wrong("granted", "nothing would ever be a yes", "Write at least one text.")
    return tuple(found)
