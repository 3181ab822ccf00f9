"""A visitor of the website, known by a cookie alone, logs in and turns out to be somebody the crm knows."""

from __future__ import annotations

from flows.simulator.people.planted.planted import PlantedPeople, handles
from flows.simulator.people.truths import ExpectedChange, ExpectedPerson, PeopleTruths


class LogIns(PlantedPeople):
    """They have ordered as a guest, which counts for the person they are; the app becomes theirs, too."""

    name = "log_ins"

    def live(self) -> PeopleTruths:
        """Pages, a guest's order, the log-in, and the app."""
        (life,), (person,) = self.lives, self.people
        known, guest = self.amount(40, 200), self.amount(40, 200)
        cookie = {"cookie": person.cookie}
        life.contact()
        life.does(
            "order.placed", 0.03, {"email": person.email, "order": f"O-{person.number}-1", "amount": known}
        )
        for share in (0.05, 0.09):
            life.does("page.viewed", share, cookie | {"page": "/winter-tyres"})
        life.does("order.placed", 0.12, cookie | {"order": f"O-{person.number}-2", "amount": guest})
        life.does("page.viewed", 0.3, cookie | {"email": person.email, "page": "/account"})
        life.does("app.opened", 0.5, {"installation": person.app, "email": person.email})
        email, found = handles(person, "email", "cookie")
        return PeopleTruths(
            persons=(
                ExpectedPerson(
                    truth=self.name,
                    handles=handles(person, "contact", "email", "phone", "cookie", "app"),
                    values={"lifetime_value": round(known + guest, 2), "orders": 2},
                ),
            ),
            changes=(ExpectedChange(truth=self.name, kind="merge", one=found, other=email),),
        )
