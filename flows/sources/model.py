"""What `sources.yaml` and `identity.yaml` declare, checked; and a row of a source system in the one form all take.

Identifiers are `kind:token` from here on; values that name a person live in the vault alone.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from flows.schema_people import Attested, Consent
from flows.streams import TimeUnit

ReconcileBy = Literal["last_updated", "most_frequent", "source_order"]


class IdentifierPath(msgspec.Struct, frozen=True, kw_only=True):
    """Where an identifier stands in a row (dotted); `country` (ISO 3166) helps to read a phone number."""

    kind: str
    path: str
    country: str = ""


class RolePath(msgspec.Struct, frozen=True, kw_only=True):
    """A claim of a row: its person is `role` to the `thing` (a kind, e.g. device) whose name stands at `path`."""

    role: str
    thing: str
    path: str
    since: str = ""
    until: str = ""


class AttributePath(msgspec.Struct, frozen=True, kw_only=True):
    """Where an attribute stands; a `personal` one goes to the vault, and no rule ever reads it."""

    name: str
    path: str
    personal: bool = False


class ConsentPath(msgspec.Struct, frozen=True, kw_only=True):
    """Where a consent stands: one of the texts in `granted` is a yes, anything else there a no; `at` is since when."""

    purpose: str
    path: str
    granted: tuple[str, ...] = ("true", "yes", "1")
    at: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source system: `key` is the path of a row's own id, `time` that of when the row said so."""

    name: str
    key: str
    time: str = ""
    time_unit: TimeUnit = "rfc3339"
    zone: str = ""
    identifiers: tuple[IdentifierPath, ...] = ()
    roles: tuple[RolePath, ...] = ()
    attributes: tuple[AttributePath, ...] = ()
    consents: tuple[ConsentPath, ...] = ()
    preferences: tuple[AttributePath, ...] = ()
    time_zone: str = ""


class Reconcile(msgspec.Struct, frozen=True, kw_only=True):
    """Which of several sources is believed; `order` names them, best first, for `source_order`."""

    by: ReconcileBy = "last_updated"
    order: tuple[str, ...] = ()


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """All of `sources.yaml`: systems by name, and how attributes are reconciled (`default` for those not named)."""

    systems: dict[str, Source] = {}
    reconcile: dict[str, Reconcile] = {}
    default: Reconcile = Reconcile()

    def readable(self) -> frozenset[str]:
        """The names of attributes and preferences that rules may read as `profile.<name>`."""
        return frozenset(
            a.name for s in self.systems.values() for a in (*s.attributes, *s.preferences) if not a.personal
        )


class KindRule(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of identifier is worth.

    A kind with `per_person` is unique: it names an account, of which one person has at most so many. Beside more than
    `shared_above` such accounts another identifier is shared, and stops linking. `expires` (ms of event time) is how
    long evidence with it counts.
    """

    kind: str
    per_person: int | None = None
    shared_above: int = 3
    expires: int | None = None


class IdentityRules(msgspec.Struct, frozen=True, kw_only=True):
    """All of `identity.yaml`.

    Two pieces of evidence are of one person when they agree in all kinds (or attributes) of any of `match`; kinds that
    are in no match resolve, but never join.
    """

    kinds: dict[str, KindRule] = {}
    match: tuple[tuple[str, ...], ...] = ()


class Identifier(msgspec.Struct, frozen=True, order=True):
    """A typed handle: `token` is `kind:` and a keyed hash, `value` the normalised text, for the vault alone."""

    kind: str
    token: str
    value: str = ""

    def __repr__(self) -> str:
        """Without the value."""
        return f"Identifier({self.token!r})"


class RoleClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says its person is to a thing (`device:veh-17`), from – until (ms)."""

    role: str
    thing: str
    since: int | None = None
    until: int | None = None


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row in canonical form.

    `handle` is the token of the row's own id (kind = the source's name), which is its first identifier too;
    `attributes` are readable by rules, `personal` are not. A deleted row has nothing but its handle and time.
    """

    source: str
    handle: str
    at: int
    deleted: bool = False
    identifiers: tuple[Identifier, ...] = ()
    roles: tuple[RoleClaim, ...] = ()
    attributes: dict[str, Attested] = {}
    personal: dict[str, Attested] = {}
    consents: dict[str, Consent] = {}
    preferences: dict[str, Attested] = {}
    time_zone: Attested | None = None
    composites: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without what it says of somebody."""
        return f"SourceRecord({self.handle!r}, at={self.at})"
