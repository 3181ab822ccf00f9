"""Whether a customer has agreed to what a purpose needs; who never said yes has not."""

from __future__ import annotations

from flows.schema import Check, Value
from flows.schema_people import Consent, Person


def consent_for(person: Person | None, needed: str) -> tuple[str, Consent] | None:
    """The consent to a purpose and its name: the nearest of `marketing.cart`, `marketing`; None if there is none."""
    name = needed
    while person is not None and name:
        if name in person.consents:
            return name, person.consents[name]
        name = name.rpartition(".")[0]
    return None


def check_consent(person: Person | None, needed: str, action: str) -> tuple[Check, str | None]:
    """Whether there is consent, and why not."""
    found = consent_for(person, needed)
    if found is None:
        return Check(kind="consent", text=needed, result=None, action=action), (
            f"no consent to {needed} is known"
        )
    name, consent = found
    seen: dict[str, Value] = {"consent": name, "source": consent.source, "at": consent.at}
    check = Check(kind="consent", text=needed, result=consent.granted, values=seen, action=action)
    return check, None if consent.granted else f"the consent to {name} was withdrawn"
