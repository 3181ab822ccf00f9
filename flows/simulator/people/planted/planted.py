"""What every truth that is planted in people's lives can do: tell its messages, and what must come of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flows.simulator.people.life import Life
from flows.simulator.people.person import Person
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.told import Told
from flows.simulator.people.truths import PeopleTruths


class PlantedPeople:
    """One kind of truth, planted once in `persons`; all is chosen when it is made."""

    name = ""
    persons = 1
    """How many people it takes."""

    def __init__(self, plan: PeoplePlan, persons: Sequence[Person], rng: np.random.Generator) -> None:
        self.plan, self.people, self.rng = plan, persons, rng
        self.lives = [Life(plan, person, self.name) for person in persons]
        self.truths = self.live()

    def live(self) -> PeopleTruths:
        """Let the lives tell their messages, and say what must come of them."""
        raise NotImplementedError

    def told(self) -> list[Told]:
        """All messages, in the order of each life."""
        return [told for life in self.lives for told in life.told]

    def amount(self, least: int, most: int) -> float:
        """What somebody pays (EUR), in whole cents."""
        return int(self.rng.integers(least * 100, most * 100)) / 100


def handles(person: Person, *names: str) -> tuple[str, ...]:
    """The handles of a person, e.g. of their contact and their e-mail."""
    found = {
        "contact": f"crm:{person.contact}",
        "account": f"shop:{person.account}",
        "email": f"email:{person.email}",
        "cookie": f"cookie:{person.cookie}",
        "app": f"app:{person.app}",
        "phone": f"phone:+4930{person.phone}",
    }
    return tuple(found[name] for name in names)
