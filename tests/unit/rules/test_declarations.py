"""Purposes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.documents import Located, Mistakes, read_text
from flows.rules.declarations import read_purposes
from flows.rules.model import Purpose


def read(reader: Callable[[Located, Mistakes], object], text: str) -> tuple[object, list[str]]:
    """What a reader makes of a text, and its mistakes."""
    mistakes = Mistakes()
    document = read_text(text, "f", mistakes)
    assert document is not None
    return reader(document, mistakes), [str(finding) for finding in mistakes.found]


def test_purposes_have_a_lane_a_validity_and_perhaps_their_rules() -> None:
    """What is not written is ordinary."""
    text = "purposes: {safety: {lane: urgent, rules: [a], valid_for: 10m}, service: {}, marketing.cart: {lane: bulk}}"
    assert read(read_purposes, text) == (
        {
            "safety": Purpose(name="safety", lane="urgent", valid_for=600_000, rules=("a",)),
            "service": Purpose(name="service"),
            "marketing.cart": Purpose(name="marketing.cart", lane="bulk"),
        },
        [],
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("purposes: {safety: {lane: urgent}}", "'rules' is missing"),
        ("purposes: {safety: }", "a mapping is needed"),
        ("purposes: {service: {lane: fast}}", "'fast' is not known here"),
        ("purposes: {service: {zone: here}}", "is not available in this version"),
        ("purposes: {service: {budget: 3}}", "a text is needed"),
        ("purposes: {service: {budget: news}}", "Declare it: `budgets:"),
        (
            "purposes: {service: {budget: news}}\nbudgets: {new: {at_most: 1, every: 1d}}",
            "Did you mean 'new'?",
        ),
        ("purposes: {service: {quiet_hours: '9-17'}}", "21:00-08:00"),
        ("purposes: {service: {quiet_hours: '09:00-09:00'}}", "not two times of day"),
        ("purposes: {service: {consent: A B}}", "names no consent"),
        ("purposes: {safety: {rules: [a], consent: marketing}}", "safety is held back by no 'consent'"),
        ("purposes: {Service: {}}", "cannot be a purpose"),
        ("purpose: {}", "Did you mean 'purposes'?"),
    ],
)
def test_a_wrong_purpose_is_refused(text: str, part: str) -> None:
    """Safety always names its rules."""
    assert part in "\n".join(read(read_purposes, text)[1])
