"""Silences and pauses: what they hold back of the actions that rules ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from flows.customers.suppressions import covers
from flows.schema import Brake, BrakeKind, Value

SAFETY = "safety"
_TAKES_BACK = frozenset({"close_case", "release"})


class Brakes(Protocol):
    """Who knows the brakes."""

    def active(self, now: int) -> Sequence[Brake]:
        """Those in force at a wall-clock time (ms), oldest first."""
        ...


class NoBrakes:
    """Nothing is held back."""

    def active(self, now: int) -> Sequence[Brake]:  # noqa: ARG002
        """None."""
        return ()


def braking(
    brakes: Sequence[Brake],
    kind: BrakeKind,
    *,
    rule: str,
    action: str,
    purpose: str | None,
    values: Mapping[str, Value],
) -> Brake | None:
    """The first brake of a kind that holds an action back.

    What serves safety is held back only by a brake that says so. What takes something back, closing a case or releasing
    what rested, is silenced only by a silence of just that kind of action.
    """
    for brake in brakes:
        if brake.kind != kind or (purpose is not None and covers(SAFETY, purpose) and not brake.safety):
            continue
        if kind == "silence" and action in _TAKES_BACK and brake.action != action:
            continue
        if _fits(brake, rule, action, purpose) and all(_says(values, *said) for said in brake.match.items()):
            return brake
    return None


def _fits(brake: Brake, rule: str, action: str, purpose: str | None) -> bool:
    return (
        (not brake.rule or fnmatchcase(rule, brake.rule))
        and (not brake.action or brake.action == action)
        and (not brake.purpose or (purpose is not None and covers(brake.purpose, purpose)))
    )


def _says(values: Mapping[str, Value], name: str, wanted: str) -> bool:
    """Whether a value is what a brake names; numbers are compared as numbers."""
    value = values.get(name)
    if isinstance(value, bool):
        return str(value).lower() == wanted.lower()
    if isinstance(value, int | float):
        try:
            return value == float(wanted)
        except ValueError:
            return False
    return value is not None and value == wanted
