"""The comparison of alarms with truths finds each kind of difference."""

import msgspec

from flows.schema import Alarm
from flows.simulator.compare import compare
from flows.simulator.truths import Expected

EXPECTED = Expected(
    truth="lamp",
    device="v",
    rule="check-engine",
    transition="raised",
    not_before=10,
    not_after=20,
    stale=False,
)
ALARM = Alarm(
    id="e.1", episode="e", number=1, tenant="t", rule="check-engine", rule_set=1, stream="vehicle", device="v",
    transition="raised", severity="warning", at=15, opened_at=15, partition=0,
)  # fmt: skip


def changed(**fields):
    return msgspec.structs.replace(ALARM, **fields)


def test_a_fitting_alarm_is_right():
    """Every field that is expected fits, and a severity that is not asked for may be any."""
    assert compare([EXPECTED], [ALARM]).right


def test_the_same_alarm_may_come_again():
    """At-least-once delivery is no difference, as long as the content is the same."""
    assert compare([EXPECTED], [ALARM, changed()]).right


def test_the_same_id_with_other_content_is_a_contradiction():
    """An id with two contents is what a replay must never make."""
    again = changed(at=16)
    assert compare([EXPECTED], [ALARM, again]).contradicted == (again,)


def test_what_does_not_fit_is_both_missing_and_unexpected():
    """Too early, too late, another severity, staleness, device or transition: nothing is matched."""
    asked = msgspec.structs.replace(EXPECTED, severity="warning")
    for wrong in (
        changed(at=9),
        changed(at=21),
        changed(severity="critical"),
        changed(stale=True),
        changed(device="w"),
        changed(transition="cleared"),
    ):
        result = compare([asked], [wrong])
        assert result.missing == (asked,)
        assert result.unexpected == (wrong,)


def test_a_second_alarm_needs_a_second_expectation():
    """Raised twice is one too many, and fine where two are expected."""
    second = changed(id="f.1", at=16)
    assert compare([EXPECTED], [ALARM, second]).unexpected == (second,)
    assert compare([EXPECTED, EXPECTED], [ALARM, second]).right
