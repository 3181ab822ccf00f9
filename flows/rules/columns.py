"""Which columns the patterns of a rule read, whether in conditions or by name."""

from __future__ import annotations

from flows.expressions import Expression
from flows.rules.model import Absence, Pattern, Rule, Window


def columns_of(rule: Rule) -> set[str]:
    """The dotted names that the device half of a rule reads."""
    found = {name for expression in _expressions(rule) for name in expression.names}
    return found.union(*(_columns(pattern) for pattern in rule.patterns))


def _expressions(rule: Rule) -> list[Expression]:
    """The conditions on readings."""
    found = [None if isinstance(pattern, Absence | Window) else pattern.of for pattern in rule.patterns]
    found += [pattern.of for pattern in rule.patterns if isinstance(pattern, Window)]
    found += [each for severity in rule.severities for each in (severity.when, severity.clear)]
    found.append(None if rule.clear is None else rule.clear.of)
    return [expression for expression in found if expression is not None]


def _columns(pattern: Pattern) -> set[str]:
    """The columns that a pattern names as such."""
    worsening = getattr(pattern, "worsening", None)
    names = {getattr(pattern, "field", None), None if worsening is None else worsening.field}
    return {name for name in names if name is not None}
