"""What conditions of rules ask of a customer: names of the profile and the cause, and functions over what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flows.customers.rule_index import RuleIndex
from flows.customers.state import Customer, has_open
from flows.expression_values import truth
from flows.expressions import Expression
from flows.schema import Value
from flows.zones import PROFILE_ZONE, hour_of

Answer = tuple[bool | None, dict[str, Value]]
"""A condition's truth (None is unknown), and the values it saw."""


class Questions:
    """Answers conditions about one customer at event time `at` (ms).

    `values` are what the cause tells, by name. What `episode` opened itself never counts as open, and what a dry run
    of `dry_rule` pretended to open counts for that rule alone. `zone` is that of customers who tell none.
    """

    def __init__(
        self,
        customer: Customer,
        rules: RuleIndex,
        values: Mapping[str, Value],
        at: int,
        *,
        episode: str | None = None,
        dry_rule: str | None = None,
        zone: str | None = None,
    ) -> None:
        self._customer, self._rules, self._values, self._at = customer, rules, values, at
        self._episode, self._dry_rule, self._default_zone = episode, dry_rule, zone

    def ask(self, expression: Expression) -> Answer:
        """Whether a condition holds, and what it saw."""
        result, seen = self.value(expression)
        return truth(result), seen

    def value(self, expression: Expression) -> tuple[Value, dict[str, Value]]:
        """What an expression answers, and what it saw."""
        seen: dict[str, Value] = {}

        def named(name: str) -> Value:
            seen[name] = value = self.named(name)
            return value

        def is_open(kind: Value, about: Value = None) -> bool:
            about_text = None if about is None else str(about)
            found = has_open(
                self._customer, str(kind), about_text, episode=self._episode, dry_run=self._dry_rule
            )
            seen[_called("has_open", kind, about)] = found
            return found

        def last_action(kind: Value = None, about: Value = None) -> Value:
            key = None if kind is None else str(kind) if about is None else f"{kind}|{about}"
            latest = self._customer.last(key)
            found = None if latest is None else (self._at - latest) / 1000
            seen[_called("last_action", kind, about)] = found
            return found

        def local_hour(zone: Value = None) -> Value:
            found = hour_of(self._at, self._zone() if zone is None else zone)
            seen[_called("local_hour", zone)] = found
            return found

        functions: dict[str, Callable[..., Value]] = {
            "has_open": is_open,
            "last_action": last_action,
            "local_hour": local_hour,
        }
        return expression.evaluate(named, functions), seen

    def named(self, name: str) -> Value:
        """The value of a name: of the profile, or of the cause."""
        if not name.startswith("profile."):
            return self._values.get(name)
        short = name.removeprefix("profile.")
        return self._rules.known.value_of(short, self._customer, self._at)

    def _zone(self) -> Value:
        """The zone of the customer, by the value `time_zone` of the profile."""
        told = self.named(f"profile.{PROFILE_ZONE}")
        return self._default_zone if told is None else told


def _called(name: str, *arguments: Value) -> str:
    """A call as text, to name what it gave."""
    return f"{name}({', '.join(str(a) for a in arguments if a is not None)})"
