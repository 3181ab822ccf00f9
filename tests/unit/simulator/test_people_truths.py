"""What a perfect watcher knows of people, against the starter's files and slow, obvious ways to come to the same."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from flows.customers.declared import EventRefused, SentEvent, as_declared
from flows.identity.clusters import Piece, owner, partition
from flows.identity.evidence import Named, Said, newest, said_by, said_by_event
from flows.identity.matching import Matching
from flows.rules.load import Configuration, load_configuration
from flows.settings import load_settings
from flows.simulator.people.expectation import expected
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.simulate import simulate
from flows.simulator.people.told import Told
from flows.sources.identifiers import identifier
from flows.sources.mapping import Mapper
from flows.sources.row import RowRefused, row_of
from flows.streams import value_at

STARTER = Path(__file__).parents[3] / "flows" / "starter"
KEY = b"tests"
MINUTE = 60_000
PLAN = PeoplePlan(start=1_760_000_000_000, people=200, duration=19 * MINUTE, pace=38.0)
TRUTHS = expected(PLAN)


@pytest.fixture(scope="module")
def starter() -> Configuration:
    """The files that `telltale init` copies out."""
    return load_configuration(load_settings(STARTER / "telltale.toml", {}))


@pytest.fixture(scope="module")
def watcher(starter) -> Watcher:
    """One who has read everything."""
    return Watcher(starter, simulate(PLAN))


class Watcher:
    """Reads messages slowly: evidence of all, whose each token is, events by token, and what nobody can use."""

    def __init__(self, starter: Configuration, told: list[Told]) -> None:
        self.matching = Matching(starter.identity, starter.sources.systems)
        mapper = Mapper(starter.sources, starter.identity, KEY)
        self.dead: Counter[str] = Counter()
        self.refused: list[str] = []
        self.events: list[tuple[str, SentEvent]] = []
        said: list[Said] = []
        for one in told:
            try:
                said.append(
                    self._row(mapper, one) if one.topic == "source_records" else self._event(starter, one)
                )
            except (EventRefused, RowRefused) as error:
                self.dead[error.reason] += 1
        pieces = [
            Piece(s.id, s.kind, s.first, s.last, s.tokens, s.composites)
            for s in newest(said).values()
            if len(s.tokens) > 1 or s.kind == "record"
        ]
        self.found = partition(pieces, self.matching, {})
        self.of = {
            piece.id: str(place) for place, cluster in enumerate(self.found.clusters) for piece in cluster
        }

    def whose(self, handle: str) -> str:
        """Whose a handle is; itself when it is nobody's."""
        token = token_of(handle)
        return owner(token, self.found.holders.get(token, []), self.of) or token

    def _row(self, mapper: Mapper, told: Told) -> Said:
        mapped = mapper.mapped(row_of(told.value))
        self.refused += [refusal.path for refusal in mapped.refused]
        return said_by(mapped.record, KEY)

    def _event(self, starter: Configuration, told: Told) -> Said:
        sent = msgspec.json.decode(told.value, type=SentEvent)
        found = as_declared(sent, starter.events)
        self.dead.update("out_of_range" for _ in found.disbelieved)
        named = starter.events[sent.type].identifiers.items()
        tokens = [
            identifier(kind, value, KEY).token for kind, path in named if (value := value_at(sent.data, path))
        ]
        self.events.append((found.event.subject, found.event))
        at = round(msgspec.convert(sent.time, type=datetime).timestamp() * 1000)
        return said_by_event(Named(tuple(sorted(tokens)), at, sent.type))


def token_of(handle: str) -> str:
    """The token of a handle."""
    kind, _, value = handle.partition(":")
    return identifier(kind, value, KEY).token


def test_every_planted_person_is_one_and_nobody_else(watcher):
    """The handles of each are of one cluster, and no two have the same: the clusters follow from the evidence alone."""
    whose = {}
    for person in TRUTHS.persons:
        found = {watcher.whose(handle) for handle in person.handles}
        assert len(found) == 1, person
        assert whose.setdefault(found.pop(), person) is person


def test_what_joins_and_parts_does_so_by_what_comes_meanwhile(starter):
    """What is known before has the two apart, or as one, and all that comes has it the other way round."""
    told = simulate(PLAN)
    before = Watcher(starter, [one for one in told if one.act == "before"])
    after = Watcher(starter, told)
    assert Counter(change.kind for change in TRUTHS.changes) == {"merge": 8, "split": 2}
    for change in TRUTHS.changes:
        for watcher, as_one in ((before, change.kind == "split"), (after, change.kind == "merge")):
            assert (watcher.whose(change.one) == watcher.whose(change.other)) is as_one, change


def test_only_what_is_broken_on_purpose_is_refused(watcher):
    """Rows and events fit the starter's declarations, value by value."""
    assert watcher.dead == TRUTHS.dead_letters
    assert watcher.refused == []


def test_what_somebody_spends_is_what_all_their_names_spend(watcher):
    """Orders are added up by whose handle they came by."""
    spent: defaultdict[str, float] = defaultdict(float)
    orders: Counter[str] = Counter()
    for subject, event in watcher.events:
        if event.type == "order.placed":
            spent[watcher.whose(subject)] += event.data.get("amount", 0.0)
            orders[watcher.whose(subject)] += 1
    for person in TRUTHS.persons:
        whose = watcher.whose(person.handles[0])
        assert person.values.get("lifetime_value", 0.0) == pytest.approx(spent[whose])
        assert person.values.get("orders", 0.0) == orders[whose]


def test_a_cart_is_reminded_of_unless_it_was_ordered_or_its_owner_complained(watcher):
    """By event times alone: half an hour without the order, then ten minutes without a complaint, within the plan."""
    for subject, cart in watcher.events:
        if cart.type != "cart.updated":
            continue
        whose = watcher.whose(subject)
        theirs = [e for by, e in watcher.events if watcher.whose(by) == whose]
        due = ms(cart.time) + 30 * MINUTE
        ordered = any(
            e.type == "order.placed" and e.data.get("cart") == cart.data["cart"] and ms(e.time) < due
            for e in theirs
        )
        assert ordered or due + 10 * MINUTE <= PLAN.end
        complained = any(e.type == "complaint.opened" and ms(e.time) < due + 10 * MINUTE for e in theirs)
        wanted = None if ordered else "refused" if complained else "published"
        actions = [a for a in TRUTHS.actions if a.rule == "abandoned-cart" and a.handle == subject]
        assert [a.status for a in actions] == ([] if wanted is None else [wanted])


def test_whoever_complains_gets_a_case_and_who_spent_much_is_called(watcher):
    """The line is at 500 EUR, of all the names of one person together."""
    spent = {handle: p.values.get("lifetime_value", 0.0) for p in TRUTHS.persons for handle in p.handles}
    complaints = [subject for subject, event in watcher.events if event.type == "complaint.opened"]
    by_handle = defaultdict(list)
    for action in TRUTHS.actions:
        if action.rule.startswith("complaint"):
            by_handle[action.handle].append(action.kind)
    assert sorted(by_handle) == sorted(complaints)
    for handle, kinds in by_handle.items():
        called = ["task"] if spent[handle] >= 500 else []
        assert sorted(kinds) == sorted(["open_case", "suppress", *called])
    assert {"task" in kinds for kinds in by_handle.values()} == {True, False}


def test_a_case_is_closed_when_all_that_was_complained_of_is_solved(watcher):
    """Of nobody else, and once."""
    solved = Counter(subject for subject, event in watcher.events if event.type == "case.resolved")
    closed = Counter(action.handle for action in TRUTHS.actions if action.kind == "close_case")
    assert closed == solved != Counter()


def test_each_way_of_being_called_or_not_depends_on_who_is_who():
    """Neither name of who is called spent enough, and the account beside who is not called did."""
    second = next(p for p in TRUTHS.persons if p.truth == "second_accounts")
    assert second.values["lifetime_value"] >= 500
    orders = [
        said["data"]["amount"]
        for said in (json.loads(one.value) for one in simulate(PLAN))
        if said["id"].startswith("second_accounts") and said["type"] == "order.placed"
    ]
    assert max(orders) < 500
    offices = [p for p in TRUTHS.persons if p.truth == "offices" and "lifetime_value" in p.values]
    for complaining, spending in list(pairwise(offices))[::2]:
        assert complaining.values["lifetime_value"] == 0
        assert spending.values["lifetime_value"] >= 500


def ms(text: str) -> int:
    """A time in ms."""
    return round(msgspec.convert(text, type=datetime).timestamp() * 1000)
