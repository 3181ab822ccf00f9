"""Running a rule's own tests: whether what happened is what each case expects.

Who plays a case is handed in (`flows.backtest.cases` does it with the objects of both flows), so that nothing here
knows how alarms or decisions are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from flows.rules.case import Case, Expectation, ExpectedAction, exact, read_case
from flows.rules.model import Rule
from flows.schema import Transition
from flows.streams import Stream


class Done(msgspec.Struct, frozen=True):
    """An action that went out, or would in a dry run: its name, and its parameters as texts."""

    name: str
    parameters: dict[str, str] = {}


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """A transition (None for an event, or for what comes later) and what was done, `at` ms after the start.

    `refused` is why nothing was done, `released` the name of the suppression that ended. `because` says of nothing done
    in more words why, for people.
    """

    at: int
    transition: Transition | None = None
    severity: str | None = None
    do: tuple[Done, ...] = ()
    refused: str | None = None
    released: str | None = None
    because: str = ""


class Played(msgspec.Struct, frozen=True):
    """What happened in order, and what of the case could not be played, each with the reason."""

    happened: tuple[Happened, ...]
    unplayed: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one case: what did not happen though expected, and what happened though not expected."""

    rule: Rule
    case: Case
    missing: tuple[Expectation, ...] = ()
    unexpected: tuple[Happened, ...] = ()
    unplayed: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not (self.missing or self.unexpected or self.unplayed)


class Player(Protocol):
    """Plays a case of a rule."""

    def play(self, rule: Rule, case: Case) -> Played:
        """What happens to the case's device under this rule alone."""
        ...


def judge(rule: Rule, case: Case, played: Played) -> Result:
    """Pair each expectation with one thing that happened; whatever is left on either side is wrong."""
    left = list(played.happened)
    missing: list[Expectation] = []
    for expected in case.expect:
        match = next((found for found in left if _fits(expected, found)), None)
        if match is None:
            missing.append(expected)
        else:
            left.remove(match)
    return Result(
        rule=rule, case=case, missing=tuple(missing), unexpected=tuple(left), unplayed=played.unplayed
    )


def run_tests(rules: Iterable[Rule], streams: Mapping[str, Stream], player: Player) -> list[Result]:
    """Every case of every rule, in order."""
    results: list[Result] = []
    for rule in rules:
        stream = None if rule.stream is None else streams[rule.stream]
        for plain in rule.tests:
            case = read_case(plain, stream)
            results.append(judge(rule, case, player.play(rule, case)))
    return results


def told(found: Expectation | Happened, beside: Sequence[Expectation] = ()) -> str:
    """One line in the words of the tests: `2m20s raised: warning, do: [open_case, notify]`.

    Of what happened those parameters are shown that an expectation `beside` it asks for.
    """
    parts: list[str] = []
    if found.transition is not None:
        parts.append(f"{found.transition}: {found.severity or 'true'}")
    if found.do is not None and (found.do or (found.refused is None and found.released is None)):
        asked = {
            (action.name, name) for each in beside for action in each.do or () for name in action.parameters
        }
        shown = (_action(each, asked if isinstance(each, Done) else None) for each in found.do)
        parts.append(f"do: [{', '.join(shown)}]")
    for word, value in (("refused", found.refused), ("released", found.released)):
        if value is not None:
            parts.append(f"{word}: {value}")
    return f"{exact(found.at)} {', '.join(parts)}"


def _action(found: ExpectedAction | Done, asked: set[tuple[str, str]] | None) -> str:
    """An action's name, with its parameters or those that are asked for."""
    shown = [
        f"{name}: {value}"
        for name, value in found.parameters.items()
        if asked is None or (found.name, name) in asked
    ]
    return f"{{{found.name}: {{{', '.join(shown)}}}}}" if shown else found.name


def _fits(expected: Expectation, found: Happened) -> bool:
    """Whether something that happened is what was expected, as far as the expectation says."""
    return (
        expected.at == found.at
        and expected.transition == found.transition
        and expected.severity in (None, found.severity)
        and (expected.do is None or _all_done(expected.do, found.do))
        and expected.refused in (None, found.refused)
        and expected.released == found.released
    )


def _all_done(expected: Sequence[ExpectedAction], found: Sequence[Done]) -> bool:
    """Whether just these actions were done, each with the parameters that are asked for; names are distinct."""
    done = {each.name: each.parameters for each in found}
    return sorted(each.name for each in expected) == sorted(done) and all(
        done[each.name].get(name) == value for each in expected for name, value in each.parameters.items()
    )
