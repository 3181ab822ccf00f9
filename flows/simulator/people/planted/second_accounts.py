"""An account of the shop and a contact of the crm that turn out to be one person: the same phone and day of birth."""

from __future__ import annotations

from flows.simulator.people.planted.planted import PlantedPeople, handles
from flows.simulator.people.truths import ExpectedAction, ExpectedChange, ExpectedPerson, PeopleTruths


class SecondAccounts(PlantedPeople):
    """Neither has spent enough to be called when they complain, but the person has."""

    name = "second_accounts"

    def live(self) -> PeopleTruths:
        """Orders under both names, the shop's row completed, then a complaint that is solved."""
        (life,), (person,) = self.lives, self.people
        here, there = self.amount(280, 450), self.amount(280, 450)
        private = f"kim.{person.number}@example.org"
        account = {"account": person.account}
        case = f"K-{person.number}"
        life.contact()
        life.account(email=private)
        life.does(
            "order.placed", 0.04, {"email": person.email, "order": f"O-{person.number}-1", "amount": here}
        )
        life.does("order.placed", 0.07, account | {"order": f"O-{person.number}-2", "amount": there})
        phone = f"+49 (0)30 {person.phone[:5]}-{person.phone[5:]}"
        life.account("during", 0.4, email=private, phone=phone, birth_date=person.born.isoformat())
        contact = {"contact": person.contact, "case": case}
        life.does("complaint.opened", 1.0, contact | {"about": "delivery", "item": "tyres"}, act="after")
        one, other = handles(person, "account", "contact")
        complaint = ExpectedAction(truth=self.name, handle=other, rule="complaint", kind="open_case")
        return PeopleTruths(
            persons=(
                ExpectedPerson(
                    truth=self.name,
                    handles=(*handles(person, "contact", "account", "email", "phone"), f"email:{private}"),
                    values={
                        "lifetime_value": round(here + there, 2),
                        "orders": 2,
                        "complaints": 1,
                        "open_complaints": 1,
                    },
                ),
            ),
            changes=(ExpectedChange(truth=self.name, kind="merge", one=one, other=other),),
            actions=(
                complaint,
                ExpectedAction(truth=self.name, handle=other, rule="complaint", kind="task"),
                ExpectedAction(truth=self.name, handle=other, rule="complaint-quiet", kind="suppress"),
            ),
        )
