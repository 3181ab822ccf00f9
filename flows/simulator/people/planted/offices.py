"""An office's address: it joins a contact and an account, until two more accounts come with it and it joins no more."""

from __future__ import annotations

from flows.simulator.people.planted.planted import PlantedPeople, handles
from flows.simulator.people.truths import ExpectedAction, ExpectedChange, ExpectedPerson, PeopleTruths


class Offices(PlantedPeople):
    """Whose account spent enough to be called when they complain is, in the end, not who complains."""

    name = "offices"
    persons = 4

    def live(self) -> PeopleTruths:
        """A contact and an account with one address, orders, two more accounts, then the contact complains."""
        first, second, third, fourth = self.lives
        office = f"office.{first.person.number}@example.com"
        spent = self.amount(600, 900)
        first.contact(email=office)
        second.account(email=office)
        order = {"account": second.person.account, "order": f"O-{second.person.number}", "amount": spent}
        second.does("order.placed", 0.05, order)
        for life in (third, fourth):
            life.account("during", 0.55, email=office)
        contact = first.person.contact
        data = {"contact": contact, "case": f"K-{first.person.number}", "about": "invoice", "item": "toner"}
        first.does("complaint.opened", 1.0, data, act="after")
        one, phone = handles(first.person, "contact", "phone")
        other = handles(second.person, "account")[0]
        actions = [("complaint", "open_case"), ("complaint-quiet", "suppress")]
        return PeopleTruths(
            persons=(
                ExpectedPerson(
                    truth=self.name,
                    handles=(one, phone),
                    values={"lifetime_value": 0, "complaints": 1, "open_complaints": 1},
                ),
                ExpectedPerson(
                    truth=self.name, handles=(other,), values={"lifetime_value": spent, "orders": 1}
                ),
                *(
                    ExpectedPerson(truth=self.name, handles=handles(life.person, "account"))
                    for life in (third, fourth)
                ),
            ),
            changes=(ExpectedChange(truth=self.name, kind="split", one=one, other=other),),
            actions=tuple(
                ExpectedAction(truth=self.name, handle=one, rule=rule, kind=kind) for rule, kind in actions
            ),
        )
