"""The text of an action."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.letter import write_letter
from tests.unit.connectors.examples import an_action

WHOLE = """Notify the driver: Stop the car
───────────────────────────────

To            driver
Customer      customer-1
Device        veh-17
About         engine
Purpose       safety (lane urgent)

Template      pull-over
Tags          ["hot",1]

Why
  10 readings in a row at or above 105 °C, up 7.0 °C in 90 s.

What was seen
  2026-01-01 11:59:50 UTC  117
  2026-01-01 12:00:00 UTC  118.5
  hot_c of the device is 105.0

Rule          engine-overheating of rule set 3, escalated
Happened      2026-01-01 12:00:00 UTC
Valid until   2026-01-01 13:00:00 UTC
Episode       e1
Decision      decision-1
Action        000000000000000000000001
"""


def test_a_letter_says_what_to_do_for_whom_and_why() -> None:
    """Everything a person needs stands in the text, in the order in which it is asked."""
    assert write_letter(an_action()) == WHOLE


def test_a_letter_leaves_out_what_is_not_known() -> None:
    """An action of the fewest fields has no empty rows and no empty paragraphs."""
    bare = an_action(
        to=None,
        purpose=None,
        device=None,
        about=None,
        episode=None,
        transition=None,
        parameters={},
        evidence=None,
        explanation="",
        kind="call_back",
    )
    text = write_letter(bare)
    assert text.startswith("Call back: notify\n")
    assert "None" not in text
    assert "\n\n\n" not in text
    assert "The rule gives no explanation." in text


@given(text=st.text(max_size=40), at=st.integers())
def test_no_text_from_outside_can_steer_a_terminal(text: str, at: int) -> None:
    """Whatever stands in the fields, and whatever the time, only printed characters and our own newlines come out."""
    action = an_action(customer=text, explanation=text, parameters={text: text, "subject": text}, at=at)
    lines = write_letter(action).split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) <= len(WHOLE.split("\n"))
