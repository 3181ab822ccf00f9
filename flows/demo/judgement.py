"""Whether everything that was planted came of it, and nothing else; and what was done, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from flows.customers.why import Why, why_id
from flows.demo.fleet import TOLD, planted_vehicles
from flows.demo.news import Became, Newsroom
from flows.demo.people import consequence, messages_by_source
from flows.demo.people_judgement import PeopleJudgement, judge_people
from flows.schema import Alarm, Decision
from flows.simulator.compare import Comparison, compare
from flows.simulator.expectation import expected
from flows.simulator.people.expectation import expected as expected_of_people
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.plan import Plan
from flows.simulator.truths import Counts, Expected, total

_FAVOURITE = "engine-overheating"
_COUNTED = ("messages", "taken", "late", "duplicate", "future", "dead")


class TruthLine(msgspec.Struct, frozen=True):
    """One planted truth: in how many vehicles, how many alarms must come and came, and how many that must not."""

    told: str
    vehicles: int
    wanted: int
    came: int
    unwanted: int


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; `miscounted` are counts that differ as (name, wanted, found), `actions` by kind and what became."""

    truths: tuple[TruthLine, ...]
    comparison: Comparison
    miscounted: tuple[tuple[str, int, int], ...]
    alarms: Mapping[str, Counter[str]]
    actions: Mapping[str, Counter[str]]
    letters: Mapping[str, int]
    people: PeopleJudgement
    became: tuple[Became, ...]
    sources: Mapping[str, int]
    done: Why | None
    not_done: Why | None

    @property
    def right(self) -> bool:
        """Whether all came, and nothing else."""
        return self.comparison.right and not self.miscounted and self.people.right


def judge(plan: Plan, people: PeoplePlan, news: Newsroom) -> Judgement:
    """Compare what the plans must bring with what came."""
    truths, theirs = expected(plan, "paced"), expected_of_people(people)
    wanted = total([truths.counts, Counts(dead_letters=theirs.dead_letters)])
    judged = judge_people(people, news)
    comparison = compare(truths.alarms, news.alarms)
    alarms: dict[str, Counter[str]] = {}
    for alarm in {alarm.id: alarm for alarm in news.alarms}.values():
        alarms.setdefault(alarm.rule, Counter())[alarm.transition] += 1
    return Judgement(
        truths=_lines(plan, truths.alarms, comparison),
        comparison=comparison,
        miscounted=_miscounted(wanted, news.counts()),
        alarms=alarms,
        actions=_actions(news),
        letters=dict(news.letters.most_common()),
        people=judged,
        sources=dict(messages_by_source(people).most_common()),
        became=tuple(
            msgspec.structs.replace(
                each,
                follows=consequence(each.change, theirs) if judged.right else "",
                customer=news.registry.whose(each.change.other),
            )
            for each in news.became
        ),
        done=_example(news, "acted"),
        not_done=_rested(news) or _example(news, "too_late") or _example(news, "refused"),
    )


def _lines(plan: Plan, wanted: tuple[Expected, ...], comparison: Comparison) -> tuple[TruthLine, ...]:
    """One line a truth, and one for all vehicles with none."""
    by_truth = planted_vehicles(plan)
    of_device = {device: name for name, devices in by_truth.items() for device in devices}
    must = Counter(one.truth for one in wanted)
    missing = Counter(one.truth for one in comparison.missing)
    unwanted = Counter(of_device.get(alarm.device, "") for alarm in _unwanted(comparison))
    lines = [
        TruthLine(TOLD[name], len(devices), must[name], must[name] - missing[name], unwanted[name])
        for name, devices in by_truth.items()
    ]
    well = plan.vehicles - len(of_device)
    return (*lines, TruthLine("nothing: these vehicles are well", well, 0, 0, unwanted[""]))


def _unwanted(comparison: Comparison) -> tuple[Alarm, ...]:
    return (*comparison.unexpected, *comparison.contradicted)


def _miscounted(wanted: Counts, found: Counts) -> tuple[tuple[str, int, int], ...]:
    """The counts of readings and of dead letters that are not as planted."""
    pairs = [(name, getattr(wanted, name), getattr(found, name)) for name in _COUNTED]
    reasons = sorted(wanted.dead_letters.keys() | found.dead_letters.keys())
    pairs += [
        (f"dead letters {reason}", wanted.dead_letters.get(reason, 0), found.dead_letters.get(reason, 0))
        for reason in reasons
    ]
    return tuple(pair for pair in pairs if pair[1] != pair[2])


def _actions(news: Newsroom) -> dict[str, Counter[str]]:
    """By kind: the outcome of what was published, and for the rest why it was not."""
    found: dict[str, Counter[str]] = {}
    for decision in {decision.id: decision for decision in news.decisions}.values():
        for planned in decision.actions:
            outcome = news.outcomes.get(planned.action.id)
            became: str = planned.status
            if planned.status == "published":
                became = "no outcome" if outcome is None else outcome.status
            found.setdefault(planned.action.kind, Counter())[became] += 1
    return found


def _example(news: Newsroom, verdict: str) -> Why | None:
    """The decision with most to tell of those with a verdict."""
    chosen = [decision for decision in news.decisions if decision.verdict == verdict and decision.device]
    if not chosen:
        return None
    return _why(max(chosen, key=lambda d: (d.rule == _FAVOURITE, _published(d), len(d.checks), d.id)), news)


def _rested(news: Newsroom) -> Why | None:
    """A message to somebody that was not sent because its purpose rests."""
    for decision in news.decisions:
        if news.registry.has_name(decision.subject) and (decision.reason or "").startswith("quiet"):
            return _why(decision, news)
    return None


def _why(decision: Decision, news: Newsroom) -> Why:
    found = why_id(decision.id, news.decisions, news.outcomes.values())
    return next(told for told in found if told.decision == decision.id)


def _published(decision: Decision) -> int:
    """How many actions went out."""
    return sum(planned.status == "published" for planned in decision.actions)
