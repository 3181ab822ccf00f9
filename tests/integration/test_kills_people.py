"""`kill -9` to devices, customers and identity while people turn out to be others: all ends as it does without."""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from flows.identity.store import open_store
from flows.identity.tables import assignment, outbox
from flows.schema import encode
from flows.simulator.compare import compare
from flows.simulator.expectation import expected
from flows.sources.identifiers import private
from tests.buses import Bus
from tests.integration.dying import PUBLISHED, Deaths, deaths_in
from tests.integration.hand import PARTS
from tests.integration.nursery import Nursery
from tests.integration.same import Became, became, differences
from tests.integration.test_kills import check_carried_out, check_decided
from tests.integration.town import Town, a_town
from tests.integration.town_life import Life
from tests.integration.who import Who

SEED = int(os.environ.get("TELLTALE_SEED", "7"))
LIFE_SEED = 7
EPOCH_S = 0.2
KILLS = 5
# How often each dies in each phase of the life, where it has something to do.
IDENTITY, DEVICES = (1, 1, 2, 1, 0, 0), (0, 1, 2, 0, 1, 1)
PHASES = range(1, 6)
PHASES_OF = dict(zip(PUBLISHED, ((1, 2, 4, 5), (2, 3)), strict=True))
"""Those in which something is decided, and in which something is handed over."""


class Unkilled:
    """What a town becomes when nobody is killed, and `now` (ms), when its life has ended."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.now = time.time_ns() // 1_000_000
        self.life = Life(LIFE_SEED, self.now)
        bus = Bus("sqlite", str(folder / "topics.db"))
        with a_town(bus, folder / "town", nursery, EPOCH_S) as town:
            live(town, self.life)
            self.became = check(town)
            self.alarms = town.alarms.all()
            self.who = Who(town.identity.all())
            self.key = town.settings.tenant_key.encode()

    def customer(self, truth: str, kind: str) -> str:
        """The name of whoever has a truth and a handle of that kind."""
        return self.who.name(private(self.life.handle(truth, kind), self.key))


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Unkilled:
    """One life of the town without a kill."""
    return Unkilled(tmp_path_factory.mktemp("unkilled"), nursery)


def live(town: Town, life: Life) -> None:
    """Let all phases happen, each when nothing more comes of the one before."""
    for part in PARTS:
        town.start(part)
    for phase in life.phases(town.names):
        town.begin_phase()
        town.send(phase)
        town.stillness.wait()
        town.end_phase()
    town.stillness.wait()


def drawn(chance: random.Random) -> Deaths:
    """When and where each of the three dies: customers once publishing, and at once again at what they find then."""
    published = chance.choice(PUBLISHED)
    twice = chance.choice(PHASES_OF[published])
    never = chance.choice([phase for phase in PHASES if phase != twice])
    customers = [0, *(2 if phase == twice else phase != never for phase in PHASES)]
    times = {"identity": IDENTITY, "devices": DEVICES, "customers": customers}
    return deaths_in(times, published, chance)


def check(town: Town) -> Became:
    """What a town has become, with what must hold of any: one content by id, one outcome, and what identity keeps."""
    check_decided(town)
    check_carried_out(town)
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    for handoff in town.handoffs.all():
        contents[handoff.id].add(encode(handoff))
    assert [each for each, found in contents.items() if len(found) > 1] == []
    check_kept(town)
    return became(town)


def check_kept(town: Town) -> None:
    """Nothing waits to be published, and whose each handle is by the database is what the topic says."""
    who = Who(town.identity.all())
    store = open_store(town.settings.identity.database, town.settings.path("."))
    with closing(store), store.begin() as connection:
        assert connection.execute(sa.select(outbox)).all() == []
        columns = sa.select(assignment.c.token, assignment.c.customer)
        kept = {token: customer for token, customer in connection.execute(columns) if customer}
    assert {token: who.whose(token) for token in kept} == kept


@pytest.mark.slow
def test_unkilled_everybody_is_who_they_are_and_gets_what_is_due(unkilled: Unkilled) -> None:
    """So that the comparison is one with what is right: alarms, two merges, a split, carts and a complaint."""
    customer, found = unkilled.customer, unkilled.became
    compared = compare(expected(unkilled.life.fleet, "at_once").alarms, unkilled.alarms)
    assert compared.right, compared
    assert customer("log_ins", "cookie") == customer("log_ins", "crm")
    assert customer("second_accounts", "shop") == customer("second_accounts", "crm")
    assert customer("offices", "shop") != customer("offices", "crm")
    carts = [each for each in found.decisions.values() if each["rule"] == "abandoned-cart"]
    assert Counter((each["customer"], each["verdict"]) for each in carts if each["actions"]) >= Counter(
        {
            (customer("abandoned_carts", "shop"), "acted"): 1,
            (customer("complaints", "shop"), "refused"): 1,
        }
    )
    ordered = [each for each in carts if each["customer"] == customer("ordered_carts", "shop")]
    assert [(each["verdict"], each["actions"]) for each in ordered] == [("nothing", [])]
    opened = Counter(
        action["customer"] for _, action in found.actions.values() if action["kind"] == "open_case"
    )
    complaining = [
        customer("complaints", "shop"),
        customer("second_accounts", "crm"),
        customer("offices", "crm"),
    ]
    assert all(opened[each] for each in complaining)


@pytest.mark.slow
def test_kills_change_nobody_and_nothing(
    bus: Bus, database_url: str, tmp_path: Path, nursery: Nursery, unkilled: Unkilled
) -> None:
    """After five kills of each the same people, profiles, consents, decisions, actions, outcomes and accounts."""
    print(f"TELLTALE_SEED={SEED} runs this again")
    chance = random.Random(f"{SEED} {bus.kind} {database_url.partition(':')[0]}")
    with a_town(
        bus, tmp_path / "town", nursery, EPOCH_S, database=database_url, deaths=drawn(chance)
    ) as town:
        live(town, Life(LIFE_SEED, unkilled.now))
        print(*(f"{part} {death or 'at rest'}" for part, death in town.kills), sep="\n")
        assert Counter(part for part, _ in town.kills) == dict.fromkeys(
            ("devices", "customers", "identity"), KILLS
        )
        assert sum(death is not None for _, death in town.kills) > len(town.kills) / 2
        assert differences(unkilled.became, check(town)) == []
