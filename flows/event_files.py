"""Reading `events:` of `streams.yaml`: which kinds of events there are, whose they are and what they hold.

```yaml
events:                           # when absent, events are not checked
  order.placed:                   # the CloudEvents type
    identifiers:                  # kind: dotted path in the event's data
      email: customer.email       # the first one that an event carries is its subject, if it names none
      device: vin
    fields:                       # read in rules as event.<name>; the same words as the fields of a stream
      amount: {type: float, unit: EUR, range: [0, null]}
      item: {type: text, from: basket.first.title}
```

A value of the wrong type costs the event, which goes whole to the dead letters; one that is out of its range is
missing, with a copy to the dead letters. Types that are not declared, and fields that are not, pass unchecked, and no
rule may name them.
"""

from __future__ import annotations

import re

from flows.documents import Located, Mistakes
from flows.field_files import IN_EVENTS, read_fields
from flows.fields import Fields, read_entries
from flows.path_files import check_paths, read_path
from flows.streams import EventType

_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}\Z")
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
_MAX_IDENTIFIERS = 16
_NOTHING: frozenset[str] = frozenset()


def read_events(at: Located | None, mistakes: Mistakes) -> dict[str, EventType]:
    """The declared kinds of events by name; none when there is no declaration."""
    if at is None or at.value is None:
        return {}
    found: dict[str, EventType] = {}
    for name, below in read_entries(at, mistakes).items():
        if not _TYPE.match(name):
            mistakes.add(
                at, f"{name[:200]!r} cannot be an event's type", "For example order.placed.", key=name
            )
        found[name] = _event(name, below, mistakes)
    return found


def _event(name: str, at: Located, mistakes: Mistakes) -> EventType:
    """One kind; `{}` and nothing at all declare that it exists."""
    if at.value is None:
        return EventType(name=name)
    fields = Fields(at, mistakes, ("identifiers", "fields"))
    columns = read_fields(fields.get("fields"), mistakes, IN_EVENTS, _NOTHING)
    if (below := fields.get("fields")) is not None:
        check_paths([(column.path, below, column.name) for column in columns], mistakes)
    return EventType(name=name, identifiers=_identifiers(fields, mistakes), fields=columns)


def _identifiers(fields: Fields, mistakes: Mistakes) -> dict[str, str]:
    """The paths of identifiers by their kind, in their order."""
    at = fields.get("identifiers")
    if at is None or at.value is None:
        return {}
    kinds = read_entries(at, mistakes)
    if len(kinds) > _MAX_IDENTIFIERS:
        mistakes.add(at, f"more than {_MAX_IDENTIFIERS} identifiers", "Leave some away.")
        return {}
    for kind in kinds:
        if not _KIND.match(kind):
            mistakes.add(
                at, f"{kind[:64]!r} is no kind of identifier", "For example email, crm, device.", key=kind
            )
    paths = Fields(at, mistakes, tuple(kinds))
    paths.require(*kinds)
    return {kind: read_path(paths, kind) for kind in kinds if paths.has(kind)}
