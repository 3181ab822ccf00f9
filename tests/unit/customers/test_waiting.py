"""What waits, against obvious oracles: sequences, suppressions, stages; roles that end; order and crashes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.customers import stages
from flows.customers.state import Customer
from flows.expressions import parse
from flows.rules.model import LookUpEntry, Rule, SetStage, Suppress, Until
from flows.schema import Decision, LookUp
from tests.unit.customers.desk import Desk, act, action_id, clone, match, rules, sent, step, then
from tests.unit.customers.world import DAY, HOUR, MINUTE, T0, alarm, overheating, statuses

DAYS = 24 * 60
Happening = tuple[int, str, int]

happenings = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from("abx"), st.integers(0, 1)),
    max_size=9,
    unique_by=lambda h: h[0],
)
"""(minute, kind, cart), no two in one minute."""


def sequence_rule(*steps: Any) -> Rule:
    """A rule on a sequence that makes a task."""
    return Rule(name="seq", sequence=steps, do={"raised": (act("task", subject="{a.cart}"),)})


def told(found: list[Happening], rule: Rule, order: list[int]) -> list[tuple[int, int]]:
    """(when, which cart) of each decision, for events read in an order of their own by two handles."""
    desk = Desk(rules(rule))
    for i in order:
        minute, kind, cart = found[i]
        desk.event(kind, minute, {"cart": cart}, id=f"{minute}", label=f"crm:{i % 2}")
    desk.tick(1000)
    return sorted(
        ((d.at - T0) // MINUTE, int(d.actions[0].action.parameters["subject"])) for d in desk.log if d.actions
    )


@given(happenings, st.randoms(use_true_random=False))
def test_an_absence_fires_for_each_first_event_that_nothing_answered_in_whatever_order_they_are_read(
    found: list[Happening], shuffle: Any
) -> None:
    """`a`, and no `x` of the same cart within ten minutes."""
    rule = sequence_rule(step("a", called="a"), step("x", "event.cart == a.cart", 10 * MINUTE, absent=True))
    order = list(range(len(found)))
    shuffle.shuffle(order)
    expected = sorted(
        (at + 10, cart)
        for at, kind, cart in found
        if kind == "a" and not any(k == "x" and c == cart and at <= t < at + 10 for t, k, c in found)
    )
    assert told(found, rule, order) == expected


@given(happenings, st.randoms(use_true_random=False))
def test_with_restart_only_the_last_first_event_before_the_end_counts(
    found: list[Happening], shuffle: Any
) -> None:
    """As above, and no other `a` before it fires."""
    rule = sequence_rule(
        step("a", called="a", restart=True), step("x", "event.cart == a.cart", 10 * MINUTE, absent=True)
    )
    order = list(range(len(found)))
    shuffle.shuffle(order)
    expected = sorted(
        (at + 10, cart)
        for at, kind, cart in found
        if kind == "a"
        and not any(k == "x" and c == cart and at <= t < at + 10 for t, k, c in found)
        and not any(k == "a" and at < t < at + 10 for t, k, c in found)
    )
    assert told(found, rule, order) == expected


@given(happenings)
def test_three_steps_take_the_first_event_that_fits_each(found: list[Happening]) -> None:
    """`a`, then `b` of the same cart within 15 minutes, then no `x` for five; read in the order of time."""
    rule = sequence_rule(
        step("a", called="a"),
        step("b", "event.cart == a.cart", 15 * MINUTE),
        step("x", None, 5 * MINUTE, absent=True),
    )
    in_order = sorted(range(len(found)), key=lambda i: found[i][0])
    expected: list[tuple[int, int]] = []
    for at, kind, cart in found:
        second = [t for t, k, c in found if k == "b" and c == cart and at <= t < at + 15]
        if (
            kind == "a"
            and second
            and not any(k == "x" and min(second) <= t < min(second) + 5 for t, k, _ in found)
        ):
            expected.append((min(second) + 5, cart))
    assert told(found, rule, in_order) == sorted(expected)


def test_events_alone_complete_a_sequence_at_once() -> None:
    """No Clock is needed where nothing is absent; the time is that of the last event."""
    rule = sequence_rule(step("a", called="a"), step("b", "event.cart == a.cart", 15 * MINUTE))
    desk = Desk(rules(rule))
    desk.event("a", 0, {"cart": 1})
    assert desk.event("b", 1, {"cart": 2}) == []
    (done,) = desk.event("b", 2, {"cart": 1})
    assert (done.at, sent([done])) == (T0 + 2 * MINUTE, ["task"])
    assert desk.event("b", 3, {"cart": 1}) == []


def test_a_sequence_that_comes_to_nothing_says_when_and_why() -> None:
    """Each first event has its decision: what was not to come came, it began anew, the next step never came."""
    rule = sequence_rule(
        step("a", called="a", restart=True),
        step("b", "event.cart == a.cart", 15 * MINUTE),
        step("x", None, 5 * MINUTE, absent=True),
    )
    desk = Desk(rules(rule))
    desk.event("a", 0, {"cart": 1}, id="first")
    anew = desk.event("a", 4, {"cart": 1}, id="second")
    desk.event("b", 6, {"cart": 1})
    came = desk.event("x", 8)
    desk.event("a", 20, {"cart": 1}, id="third")
    late = desk.tick(40)
    assert [(d.trigger, d.verdict, d.reason, (d.at - T0) // MINUTE) for d in (*anew, *came, *late)] == [
        ("shop first", "nothing", "broken: another a began it anew", 4),
        ("shop second", "nothing", "broken: x came", 8),
        ("shop third", "nothing", "broken: no b came within 15m", 35),
    ]
    assert desk.tick(400) == []


@given(
    st.lists(st.tuples(st.integers(-5, 60), st.sampled_from("ab")), max_size=8),
    st.booleans(),
    st.integers(0, 10),
    st.randoms(use_true_random=False),
)
def test_a_suppression_ends_when_its_conditions_say_and_at_its_bound_at_the_latest(
    found: list[tuple[int, str]], every: bool, rest: int, shuffle: Any
) -> None:
    """Against an oracle over all events, read in any order; what happened before it began counts for nothing."""
    until = Until(events=(match("a"), match("b")), all=every, rest=rest * MINUTE, at_most=50 * MINUTE)
    rule = Rule(
        name="quiet",
        event="grumble",
        do={"raised": (act("suppress", suppress=Suppress(purposes=("marketing",), until=until)),)},
    )
    desk = Desk(rules(rule))
    script = [("grumble", 0), *((kind, minute) for minute, kind in found)]
    shuffle.shuffle(script)
    for n, (kind, minute) in enumerate(script):
        desk.event(kind, minute, id=f"i{n}", label=f"crm:{n % 3}")
    desk.tick(1000)
    first = [min((m for m, k in found if k == kind and m >= 0), default=None) for kind in "ab"]
    met = [m for m in first if m is not None]
    complete = len(met) == 2 if every else bool(met)
    satisfied = (max(met) if every else min(met)) + rest if complete else 51
    (release,) = [d for d in desk.log if sent([d]) == ["release"]]
    assert (release.at - T0) // MINUTE == min(satisfied, 50)
    assert release.reason == ("satisfied" if satisfied <= 50 else "at_most passed")


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from([None, 1, 5, 30])), max_size=6), st.integers(0, 60)
)
def test_the_stage_is_the_newest_that_still_lasts(found: list[tuple[int, int | None]], at: int) -> None:
    """Against a scan of all that were set."""
    do = {
        str(lasts): act(
            "set_stage", stage=SetStage(stage=str(lasts), lasts=None if lasts is None else lasts * MINUTE)
        )
        for lasts in (None, 1, 5, 30)
    }
    desk = Desk(rules(*(Rule(name=f"s{k}", event=f"s{k}", do={"raised": (v,)}) for k, v in do.items())))
    in_order = sorted(dict(found).items())
    for minute, lasts in in_order:
        desk.event(f"s{lasts}", minute)
    lasting = [(m, lasts) for m, lasts in in_order if lasts is None or at < m + lasts]
    # Asked at a time before the last was set, it is already known.
    expected = max(lasting)[1] if lasting else "none"
    stage = stages.stage_at(desk.customer, T0 + at * MINUTE)
    assert stage == (None if expected == "none" else str(expected))
    assert len(list(desk.customer.waiting())) <= 4


def test_when_a_role_ends_the_episodes_lapse_and_what_they_opened_is_closed() -> None:
    """One decision an episode, once; what was to follow is let go of, and nothing of the device acts here any more."""
    follow = then(act("task", subject="x"), after=HOUR)
    do = {**overheating().do, "raised": (act("open_case", about="engine", then=(follow,)),)}
    desk = Desk(rules(overheating(do=do)))
    desk.alarm(alarm())
    assert desk.role_ended("device:veh-17", "driver", 5) == []
    assert desk.role_ended("device:veh-18", "owner", 5) == []
    (lapsed,) = desk.role_ended("device:veh-17", "owner", 5)
    assert (lapsed.transition, lapsed.episode) == ("lapsed", alarm().episode)
    assert [(p.action.kind, p.status) for p in lapsed.actions] == [("close_case", "published")]
    assert list(desk.customer.items()) == []
    assert desk.role_ended("device:veh-17", "owner", 5) == []
    (late,) = desk.alarm(alarm("escalated", 2), driver="customer:dan")
    assert (late.verdict, late.reason) == ("nothing", "this episode is over for the customer")
    assert desk.tick(600) == []


def test_a_role_whose_end_is_learnt_months_later_still_closes_the_case() -> None:
    """What takes back is worth doing however late."""
    desk = Desk(rules(overheating()))
    desk.alarm(alarm(), driver="customer:dan")
    desk.now = T0 + 60 * DAY
    (lapsed,) = desk.role_ended("device:veh-17", "owner", 5)
    assert sent([lapsed]) == ["close_case-engine"]


def test_transitions_wait_for_the_answers_of_those_before_them() -> None:
    """The case is not closed before it was opened, however long the stock is asked."""
    rule = overheating(
        look_ups=(LookUpEntry(name="stock", source="inventory", key=parse('"pump"'), within=MINUTE),)
    )
    desk = Desk(rules(rule))
    assert desk.alarm(alarm(), driver="customer:dan") == []
    assert desk.alarm(alarm("cleared", 2)) == []
    assert desk.alarm(alarm()) == []
    first, second = desk.asked
    assert desk.answer("stock", available=1) == []
    desk.asked = [first]
    raised, cleared = desk.answer("stock", available=1)
    assert (raised.transition, cleared.transition) == ("raised", "cleared")
    assert statuses(cleared) == {"close_case": "published"}
    assert second.id != first.id


def test_a_decision_that_is_folded_asks_nobody_again() -> None:
    """Read again, its event leads to no question; when the decision was lost, to the same one."""
    rule = Rule(
        name="asks",
        event="order",
        look_ups=(LookUpEntry(name="stock", source="inventory", key=parse("event.cart"), within=MINUTE),),
        do={"raised": (act("task", subject="x"),)},
    )
    first, again, lost = Desk(rules(rule)), Desk(rules(rule)), Desk(rules(rule))
    first.event("order", 0, {"cart": 1})
    (question,) = first.asked
    again.fold(first.answer("stock", available=1))
    assert again.event("order", 0, {"cart": 1}) == []
    assert again.asked == []
    lost.event("order", 0, {"cart": 1})
    assert [q.id for q in lost.asked] == [question.id]


@pytest.mark.parametrize("answered", [True, False])
def test_a_sequence_that_asks_is_decided_by_the_answer_or_when_none_has_come(answered: bool) -> None:
    """Its look-up is asked when it is complete; the sequence is over then, and its decision still comes."""
    stock = LookUpEntry(name="stock", source="inventory", key=parse("a.cart"), within=MINUTE)
    do = (act("task", "stock.available > 0", name="yes"), act("task", name="always"))
    rule = Rule(
        name="seq",
        sequence=(step("a", called="a"), step("b", within=HOUR)),
        look_ups=(stock,),
        do={"raised": do},
    )
    desk = Desk(rules(rule))
    desk.event("a", 0, {"cart": 1})
    assert desk.event("b", 5, {"cart": 1}) == []
    (question,) = desk.asked
    assert (question.key, desk.tick(5)) == (1, [])
    (decided,) = desk.answer("stock", available=1) if answered else desk.tick(7)
    assert (decided.trigger, sent([decided])) == ("shop e1", ["yes", "always"] if answered else ["always"])
    assert desk.answer("stock", available=1) == desk.tick(400) == []


def test_what_happened_before_its_cause_calls_nothing_off() -> None:
    """Only what comes after it began does, however late or early it is read; of what is nested, after that began."""
    inner = then(act("task", name="inner", subject="x"), after=HOUR, unless=("order",))
    outer = then(act("task", name="outer", subject="x", then=(inner,)), after=HOUR)
    unless = then(act("task", name="unless", subject="x"), after=HOUR, unless=("order",))
    rule = Rule(
        name="r", event="click", do={"raised": (act("notify", purpose="service", then=(outer, unless)),)}
    )
    desk = Desk(rules(rule))
    desk.event("order", -2)
    desk.event("click", 0)
    assert desk.event("order", -1) == []
    assert sorted(sent(desk.tick(60))) == ["outer", "unless"]
    assert desk.event("order", 30) == []
    (off,) = desk.event("order", 90)
    assert off.reason == "called off: order came"


def test_a_suppression_whose_end_was_read_before_its_beginning_ends_in_time() -> None:
    """The Clock is asked for at the time of the release, and not later."""
    until = Until(events=(match("a"),), rest=10 * MINUTE, at_most=50 * DAY)
    rule = Rule(
        name="quiet",
        event="grumble",
        do={"raised": (act("suppress", suppress=Suppress(purposes=("marketing",), until=until)),)},
    )
    desk = Desk(rules(rule))
    desk.event("a", 5)
    desk.event("grumble", 0)
    assert desk.tick(14) == []
    assert sent(desk.tick(15)) == ["release"]


RULES = rules(
    Rule(
        name="cart",
        sequence=(
            step("cart", called="cart", restart=True),
            step("order", "event.cart == cart.cart", 30 * MINUTE, absent=True),
        ),
        do={
            "raised": (
                act(
                    "notify",
                    purpose="club",
                    text="{cart.cart}",
                    then=(
                        then(
                            act("notify", purpose="news"),
                            after=HOUR,
                            unless=("order", "event.cart == cart.cart"),
                        ),
                    ),
                ),
            )
        },
    ),
    Rule(
        name="complaint",
        event="complaint",
        do={
            "raised": (
                act(
                    "suppress",
                    suppress=Suppress(
                        purposes=("club",),
                        until=Until(events=(match("order"),), rest=10 * MINUTE, at_most=2 * HOUR),
                    ),
                ),
                act(
                    "open_case",
                    about="care",
                    then=(then(act("task", subject="x"), outcome="resolved", after=20 * MINUTE),),
                ),
                act("set_stage", stage=SetStage(stage="cross", lasts=HOUR)),
            )
        },
    ),
    Rule(
        name="asks",
        event="order",
        priority=3,
        look_ups=(LookUpEntry(name="stock", source="inventory", key=parse("event.cart"), within=MINUTE),),
        do={"raised": (act("notify", purpose="club"), act("notify", name="also", purpose="news"))},
    ),
)
moves = st.lists(
    st.tuples(
        st.sampled_from(("cart", "order", "complaint", "outcome", "answer", "tick", "die")),
        st.integers(0, 25),
    ),
    min_size=3,
    max_size=25,
)


class Script:
    """What has come to a desk, so that it can be read again: a list of calls since the last snapshot."""

    def __init__(self) -> None:
        self.desk = Desk(RULES)
        self.minute = 0
        self._saved: tuple[Customer, int, list[LookUp], int] = (clone(self.desk.customer), 0, [], T0)
        self._since: list[tuple[Any, ...]] = []
        self._count = 0

    def play(self, what: str, wait: int) -> None:
        """One thing more, so many minutes later."""
        self.minute += wait
        self._count += 1
        log = self.desk.log
        opened = [p.action for d in log for p in d.actions if p.status == "published"]
        match what:
            case "answer":
                calls = [("answer", question) for question in self.desk.asked]
                self.desk.asked = []
            case "outcome":
                calls = [("outcome", a.id, self.minute) for a in opened if a.kind == "open_case"]
            case _:
                calls = [(what, self.minute, self._count)]
        self._since += calls
        for call in calls:
            self._do(*call)

    def _do(self, what: str, *given: Any) -> None:
        desk = self.desk
        match what:
            case "tick":
                desk.tick(given[0])
            case "answer":
                # Who reads again asks again.
                desk.asked = [given[0], *(q for q in desk.asked if q.id != given[0].id)]
                question = desk.asked.pop(0)
                rest, desk.asked = desk.asked, [question]
                desk.answer("stock", available=1)
                desk.asked = rest
            case "outcome":
                desk.outcome(given[0], given[1], result="resolved")
            case _:
                # An event happens a little before it is read, so times are not in order.
                minute, number = given
                data, label = {"cart": number % 2}, f"crm:{number % 2}"
                desk.event(what, minute - number % 3, data, id=f"e{number}", label=label)

    def snapshot(self) -> None:
        """An epoch's end."""
        self._saved = (clone(self.desk.customer), len(self.desk.log), list(self.desk.asked), self.desk.now)
        self._since = []

    def die(self, keep: int, *, later: bool = False) -> None:
        """Of what was published since the snapshot so much survives; all since is read again, at once or later."""
        customer, mark, asked, now = self._saved
        self.desk.now = self.desk.now + MINUTE if later else now
        published = self.desk.log[mark:]
        survived = published[: keep % (len(published) + 1)]
        self.desk.customer = clone(customer)
        self.desk.log = [*self.desk.log[:mark], *survived]
        self.desk.asked = list(asked)
        self.desk.fold([msgspec.json.decode(msgspec.json.encode(d), type=Decision) for d in survived])
        for call in self._since:
            self._do(*call)


def essence(decisions: list[Decision]) -> dict[str, Any]:
    """What binds of decisions, by id: not when they were made, nor their places among each other."""
    return {
        d.id: (d.verdict, d.at, [(p.action.id, p.status) for p in d.actions], d.change) for d in decisions
    }


@settings(max_examples=200, deadline=None)
@given(moves)
def test_a_killed_run_decides_what_an_unkilled_one_does_and_ends_with_the_same_customer(
    found: list[tuple[str, int]],
) -> None:
    """Whatever is read again, each decision is made once, the same, and what waits is the same."""
    calm, killed = Script(), Script()
    for n, (what, wait) in enumerate(found):
        if what == "die":
            killed.die(wait)
            continue
        calm.play(what, wait)
        killed.play(what, wait)
        if n % 4 == 3:
            killed.snapshot()
    for script in (calm, killed):
        script.play("answer", 0)
        script.play("tick", 1)
    ids = [d.id for d in killed.desk.log]
    assert len(ids) == len(set(ids))
    assert essence(killed.desk.log) == essence(calm.desk.log)
    ours, theirs = (
        # How often a part was changed and looked at is no matter of what is in it.
        {
            name: msgspec.structs.replace(part, number=0, heard={})
            for name, part in script.desk.customer.parts.items()
        }
        for script in (calm, killed)
    )
    assert ours == theirs


@settings(max_examples=100, deadline=None)
@given(moves)
def test_read_again_later_nothing_is_decided_twice_and_no_budget_holds_more_than_it_may(
    found: list[tuple[str, int]],
) -> None:
    """What was not published may come out otherwise at another time; what was, binds."""
    script = Script()
    for n, (what, wait) in enumerate(found):
        if what == "die":
            script.die(wait, later=True)
        else:
            script.play(what, wait)
        if n % 5 == 4:
            script.snapshot()
    script.play("tick", 500)
    log = script.desk.log
    assert len({d.id for d in log}) == len(log)
    actions = [p.action for d in log for p in d.actions if p.status == "published"]
    assert len({a.id for a in actions}) == len(actions)
    news = sorted(a.at for a in actions if a.purpose == "news")
    assert all(c - a >= 7 * DAY for a, c in zip(news, news[2:], strict=False))


@pytest.mark.parametrize("first", [0, 1])
def test_merged_parts_wait_together_and_nothing_comes_twice(first: int) -> None:
    """Two handles of one person: the other's order calls off, and both copies of what waits are one."""
    one, other = Desk(RULES), Desk(RULES)
    one.event("cart", 0, {"cart": 1}, label="crm:1")
    other.event("order", 5, {"cart": 1}, label="crm:2", id="o1")
    merged = Customer(name="customer:ann")
    for desk in ((one, other), (other, one))[first]:
        merged.parts |= clone(desk.customer).parts
    desk = Desk(RULES, merged)
    assert [d.reason for d in desk.tick(200) if d.rule == "cart"] == ["broken: order came"]
    twice = Desk(RULES)
    twice.event("cart", 0, {"cart": 1}, label="crm:1")
    twice.customer.parts["crm:2"] = clone(twice.customer).parts["crm:1|customer:ann|1"]
    assert len([d for d in twice.tick(35) if d.rule == "cart"]) == 1
    asked = Desk(RULES)
    (raised,) = asked.event("complaint", 0)
    twice = Desk(RULES, clone(asked.customer))
    twice.outcome(action_id(raised, "open_case"), 1, result="resolved")
    assert len([d for d in twice.tick(600) if sent([d]) == ["task"]]) == 1
