"""`identity.yaml`: when two handles are one person, checked against the sources and the events."""

from __future__ import annotations

import pytest

from flows.sources.model import IdentityRules, KindRule
from tests.unit.sources.files import identity

DAY = 86_400_000


def test_kinds_and_matches_are_read() -> None:
    """Kinds are those of sources, their names and events; attributes may stand in a match, personal ones too."""
    found, mistakes = identity(
        """
        kinds:
          crm: {per_person: 1}
          shop: {per_person: 3}
          email: {shared_above: 5}
          cookie: {shared_above: 2, expires: 90d}
          phone:
        match:
          - email
          - [cookie]
          - [phone, birth_date]
        """
    )
    assert mistakes == []
    assert found == IdentityRules(
        kinds={
            "crm": KindRule(kind="crm", per_person=1),
            "shop": KindRule(kind="shop", per_person=3),
            "email": KindRule(kind="email", shared_above=5),
            "cookie": KindRule(kind="cookie", shared_above=2, expires=90 * DAY),
            "phone": KindRule(kind="phone"),
        },
        match=(("email",), ("cookie",), ("phone", "birth_date")),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("match: [emial]", "'emial' is neither an identifier of a source or an event nor an attribute"),
        ("match: [emial]", "Did you mean 'email'?"),
        ("match: [[phone, birthdate]]", "Did you mean 'birth_date'?"),
        ("match: [channel]", "'channel' is neither"),
        ("match: [device]", "a thing never joins two people"),
        ("match: [[phone, phone]]", "'phone' is named twice"),
        ("match: [email, email]", "this stands there already"),
        ("match: [[]]", "names are needed here"),
        ("match: [{email: 1}]", "names are needed here"),
        ("match: email", "a list is needed"),
        ("kinds: {emial: {}}", "Did you mean 'email'?"),
        ("kinds: {birth_date: {}}", "'birth_date' is neither"),
        ("kinds: {device: {}}", "a thing never joins two people"),
        ("kinds: {crm: {per_person: 0}}", "out of bounds"),
        ("kinds: {email: {shared_above: many}}", "not a whole number"),
        ("kinds: {email: {expires: 90}}", "90 is not a duration"),
        ("kinds: {email: {per_person: 1, shared_above: 2}}", "names an account, which is not shared"),
        ("kind: {}", "Did you mean 'kinds'?"),
    ],
)
def test_a_wrong_rule_is_refused(text: str, said: str) -> None:
    """With the nearest name that is known."""
    mistakes = identity(text)[1]
    assert said in "\n".join(mistakes)
    assert all(mistake.startswith("identity.yaml:1:") for mistake in mistakes)


def test_nothing_matches_unless_it_is_said() -> None:
    """An empty document is no mistake."""
    assert identity("{}") == (IdentityRules(), [])
