"""Messages of people that nobody can use: each goes to the dead letters, and costs nobody else anything."""

from __future__ import annotations

import msgspec

from flows.schema import encode
from flows.simulator.people.planted.planted import PlantedPeople, handles
from flows.simulator.people.told import row
from flows.simulator.people.truths import ExpectedPerson, PeopleTruths


class Broken(PlantedPeople):
    """A row of a system that nobody declared, an event that names nobody, and a price below nothing."""

    name = "broken"

    def live(self) -> PeopleTruths:
        """One of each, of somebody who is otherwise well."""
        (life,), (person,) = self.lives, self.people
        plan = self.plan
        life.contact()
        at = plan.place(0.2)
        life.told.append(
            row("crn", person.contact, at, {"contact": person.contact}, act="during", appended=at)
        )
        order = {"email": person.email, "order": f"O-{person.number}", "amount": -self.amount(20, 80)}
        life.does("order.placed", 0.25, order)
        life.does("page.viewed", 0.28, {"email": person.email})
        nobody = life.told.pop()
        said = msgspec.json.decode(nobody.value) | {"data": {"page": "/"}}
        life.told.append(msgspec.structs.replace(nobody, value=encode(said)))
        known = handles(person, "contact", "email", "phone")
        return PeopleTruths(
            persons=(ExpectedPerson(truth=self.name, handles=known, values={"orders": 1}),),
            dead_letters={"unknown_source": 1, "missing_field": 1, "out_of_range": 1},
        )
