"""People with nothing planted: known to the crm, the shop or both, they look around, order, and open the app."""

from __future__ import annotations

from flows.simulator.people.planted.planted import PlantedPeople, handles
from flows.simulator.people.truths import ExpectedPerson, PeopleTruths

_ONLY_CRM, _ONLY_SHOP = 0.45, 0.75
_DONE_BY = 0.95
_MOST_PAGES = 3
_ORDERS, _OPENS_APP = 0.3, 0.3


class Ordinary(PlantedPeople):
    """Nobody complains and nobody leaves a cart, so no rule has anything to say."""

    name = "ordinary"

    def live(self) -> PeopleTruths:
        """Rows first, then what they do by the names that these systems know."""
        (life,), (person,), rng = self.lives, self.people, self.rng
        chance, orders, opens = rng.random(3).tolist()
        in_crm, in_shop = not _ONLY_CRM <= chance < _ONLY_SHOP, chance >= _ONLY_CRM
        known = ["email"]
        if in_crm:
            life.contact()
            known += ["contact", "phone"]
        if in_shop:
            life.account()
            known.append("account")
        by: dict[str, object] = {"account": person.account} if in_shop else {"email": person.email}
        for share in sorted(rng.uniform(0, _DONE_BY, int(rng.integers(0, _MOST_PAGES + 1))).tolist()):
            life.does("page.viewed", share, by | {"page": "/"})
        spent = 0.0
        if orders < _ORDERS:
            spent = self.amount(10, 150)
            order = by | {"order": f"O-{person.number}", "amount": spent}
            life.does("order.placed", float(rng.uniform(0, _DONE_BY)), order)
        if opens < _OPENS_APP:
            app = {"installation": person.app, "email": person.email}
            life.does("app.opened", float(rng.uniform(0, _DONE_BY)), app)
            known.append("app")
        values = {"lifetime_value": spent, "orders": 1.0} if spent else {}
        expected = ExpectedPerson(truth=self.name, handles=handles(person, *known), values=values)
        return PeopleTruths(persons=(expected,))
