"""Carts that are filled and left: one is never ordered, one is, and of one its owner complains meanwhile."""

from __future__ import annotations

from flows.simulator.people.planted.planted import PlantedPeople, handles
from flows.simulator.people.truths import ExpectedAction, ExpectedPerson, PeopleTruths
from flows.simulator.plan import MINUTE

WITHIN = 30 * MINUTE
"""How long an order may take until a reminder is due."""
WINDOW = 10 * MINUTE
"""How long a reminder waits for better messages."""
RULE = "abandoned-cart"


class _Cart(PlantedPeople):
    """Somebody of the crm fills a cart with the shop's account."""

    def fill(self, share: float, ago: int) -> dict[str, object]:
        """A cart `ago` ms before the end of the plan, told when `share` of it is over; returns what names the cart."""
        (life,), (person,) = self.lives, self.people
        life.contact()
        life.account()
        cart: dict[str, object] = {"account": person.account, "cart": f"cart-{person.number}"}
        data = cart | {"item": "winter tyres", "value": self.amount(50, 400)}
        life.does("cart.updated", share, data, ago=ago)
        return cart

    def truths_of(self, values: dict[str, float], *actions: ExpectedAction) -> PeopleTruths:
        """What must come of one person who is known to both systems."""
        known = handles(self.people[0], "contact", "account", "email", "phone")
        person = ExpectedPerson(truth=self.name, handles=known, values=values)
        return PeopleTruths(persons=(person,), actions=actions)

    def action(self, handle: str, rule: str, kind: str) -> ExpectedAction:
        """An action that must be published."""
        found = handles(self.people[0], handle)[0]
        return ExpectedAction(truth=self.name, handle=found, rule=rule, kind=kind)


class AbandonedCarts(_Cart):
    """Left forty minutes ago: the reminder has waited for better ones, and goes out shortly before the end."""

    name = "abandoned_carts"

    def live(self) -> PeopleTruths:
        """Nothing but the cart."""
        self.fill(0.1, WITHIN + WINDOW + self.plan.left(0.7))
        return self.truths_of({}, self.action("account", RULE, "notify"))


class OrderedCarts(_Cart):
    """Left for almost half an hour, then ordered: no reminder comes."""

    name = "ordered_carts"

    def live(self) -> PeopleTruths:
        """The cart and its order; when the half hour is over, the order is known."""
        cart = self.fill(0.1, WITHIN + self.plan.left(0.6))
        amount = self.amount(50, 400)
        self.lives[0].does(
            "order.placed", 0.35, cart | {"order": f"O-{self.people[0].number}", "amount": amount}
        )
        return self.truths_of({"lifetime_value": amount, "orders": 1})


class Complaints(_Cart):
    """Left forty minutes ago; while the reminder waits, a complaint lets all marketing rest, also once it is solved."""

    name = "complaints"

    def live(self) -> PeopleTruths:
        """The cart, the complaint, its solution and what is said of it."""
        (life,), (person,) = self.lives, self.people
        self.fill(0.1, WITHIN + WINDOW + self.plan.left(0.75))
        case = {"email": person.email, "case": f"K-{person.number}"}
        life.does("complaint.opened", 0.35, case | {"about": "delivery", "item": "roof box"})
        life.does("case.resolved", 0.8, case)
        life.does("survey.answered", 0.9, case | {"score": 5})
        return self.truths_of(
            {"complaints": 1, "open_complaints": 0, "last_score": 5},
            self.action("email", "complaint", "open_case"),
            self.action("email", "complaint-quiet", "suppress"),
            self.action("email", "case-resolved", "close_case"),
            ExpectedAction(
                truth=self.name,
                handle=handles(person, "account")[0],
                rule=RULE,
                kind="notify",
                status="refused",
                reason="quiet: marketing.cart rests",
            ),
        )
