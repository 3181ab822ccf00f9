"""Why two handles are one person, or two, in a sentence made of the evidence that the identity service keeps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flows.demo.registry import Registry
from flows.identity.explain import Asked, Known, Step, why
from flows.identity.known import asked, known_of
from flows.identity.matching import Matching
from flows.identity.obstacles import Missing, why_not
from flows.identity.store import open_store
from flows.rules.people import load_people
from flows.settings import Settings
from flows.simulator.people.truths import ExpectedChange


class Reasons:
    """Asks the database of the identity service; the settings are those of the demonstration."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings, self._registry = settings, registry
        sources, self._rules = load_people(settings)
        self._matching = Matching(self._rules, sources.systems)

    def of(self, change: ExpectedChange) -> str:
        """Why two handles are one, or two, by the evidence as it is now; raises IdentityUnreachable."""
        settings, registry = self._settings, self._registry
        store = open_store(settings.identity.database, settings.path("."), settings.tenant)
        try:
            with store.begin() as connection:
                one, other = (
                    asked(connection, handle, registry.token(handle)) or Asked(name=handle)
                    for handle in (change.one, change.other)
                )
                known = known_of(connection, one, other, self._rules.match)
        finally:
            store.close()
        return self._merged(one, other, known) if change.kind == "merge" else self._parted(one, other, known)

    def _merged(self, one: Asked, other: Asked, known: Known) -> str:
        return told(why(one, other, known, self._matching))

    def _parted(self, one: Asked, other: Asked, known: Known) -> str:
        found = why_not(one, other, known, self._matching)
        return "; ".join(self._registry.within(_begun(each)) for each in found)


def told(steps: Sequence[Step]) -> str:
    """A chain of evidence in a sentence; empty for none."""
    if len(steps) == 1:
        return f"{steps[0].source} names both"
    return "; ".join(
        f"the same {_in_words(step.rule)} in {before.source} and {step.source}"
        for before, step in pairwise(steps)
    )


def _begun(missing: Missing) -> str:
    """What keeps two apart, beginning with what they share."""
    _, shared, because = missing.text.partition(f"both hold {missing.token}, but it is ")
    return f"{missing.token} is {because}" if shared else missing.text


def _in_words(rule: str) -> str:
    """`[phone, birth_date]` as `phone and birth date`."""
    return rule.strip("[]").replace(", ", " and ").replace("_", " ")
