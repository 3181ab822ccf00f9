"""What one person's systems say of them, and what the person does, message by message."""

from __future__ import annotations

from collections.abc import Mapping

from flows.schema import encode
from flows.simulator.people.person import Person
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.told import Act, Told, rfc3339, row

_DAY = 86_400_000
_WEB, _APP, _DESK = "web", "app", "service-desk"
_SOURCES = {"app.opened": _APP, "complaint.opened": _DESK, "case.resolved": _DESK, "survey.answered": _DESK}
_KINDS = {
    "email": "email",
    "account": "shop",
    "contact": "crm",
    "cookie": "cookie",
    "installation": "app",
}
"""Which kind of identifier the fields of an event name, best known first."""


class Life:
    """Collects the messages of one person, who has a truth planted or none."""

    def __init__(self, plan: PeoplePlan, person: Person, truth: str) -> None:
        self.plan, self.person, self._truth = plan, person, truth
        self.told: list[Told] = []

    def contact(self, act: Act = "before", share: float = 0.0, **changed: object) -> None:
        """Their contact in the crm, as it has been for a month, or as it changes when `share` of the plan is over."""
        person = self.person
        data: dict[str, object] = {
            "contact": person.contact,
            "email": person.email,
            "phone": f"030 {person.phone}",
            "name": f"Person {person.number}",
            "birth_date": person.born.isoformat(),
            "language": person.language,
            "time_zone": person.zone,
            "newsletter": "yes",
            "channel": "email",
        }
        self._row("crm", person.contact, data | changed, act, share, "updated_at")

    def account(self, act: Act = "before", share: float = 0.0, **changed: object) -> None:
        """Their account in the shop, which knows no more than an address."""
        data: dict[str, object] = {
            "account": self.person.account,
            "email": self.person.email,
            "language": self.person.language,
            "advertising": "yes",
        }
        self._row("shop", self.person.account, data | changed, act, share, "changed_at")

    def does(
        self,
        kind: str,
        share: float,
        data: Mapping[str, object],
        *,
        act: Act = "during",
        ago: int | None = None,
    ) -> None:
        """Something happens when `share` of the plan is over, or `ago` ms before the plan ends.

        It is sent at its place in the plan also when it happened long before.
        """
        plan = self.plan
        appended = plan.end if act == "after" else plan.place(share)
        at = appended if ago is None else plan.end - ago
        identifier = next(f"{_KINDS[name]}:{data[name]}" for name in _KINDS if name in data)
        event = {
            "specversion": "1.0",
            "id": f"{self._truth}-{self.person.number}-{len(self.told)}",
            "source": _SOURCES.get(kind, _WEB),
            "type": kind,
            "time": rfc3339(at),
            "data": dict(data),
        }
        told = Told(
            act=act, appended=max(appended, at), topic="events", key=identifier.encode(), value=encode(event)
        )
        self.told.append(told)

    def _row(
        self, system: str, subject: str, data: dict[str, object], act: Act, share: float, time: str
    ) -> None:
        appended = self.plan.place(share)
        at = self.plan.start - 30 * _DAY if act == "before" else appended
        self.told.append(row(system, subject, at, data | {time: rfc3339(at)}, act=act, appended=appended))
