"""Which runs count, and what is said of them."""

from __future__ import annotations

import msgspec

from load_tests.figures import Figure, Round, figures_of, valid_rounds
from load_tests.latency import is_flat
from load_tests.legs import Measured


def measured(rate: float, wrong: str | None = None) -> Measured:
    return Measured(readings=1_000_000, wall_s=1_000_000 / rate, cpu_s=2.0, wrong=wrong)


def a_round(**rates: float) -> Round:
    return Round(measured={leg: measured(rate) for leg, rate in rates.items()})


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_a_round_is_void_when_the_ceiling_moved() -> None:
    """A round whose ceiling is more than a quarter off the median says nothing, whatever the others did in it."""
    rounds = [a_round(ceiling=c, ours=300_000) for c in (500_000, 520_000, 480_000, 300_000, 700_000)]
    assert valid_rounds(rounds) == rounds[:3]


def test_a_wrong_answer_does_not_count() -> None:
    """However fast it was, a leg with a wrong answer has neither rate nor ratio, and is named."""
    good = a_round(ceiling=500_000, ours=400_000)
    bad = Round(measured={"ceiling": measured(500_000), "ours": measured(5_000_000, "one alarm missing")})
    found = by_name(figures_of([good, bad], ["ceiling", "ours"]))
    assert found["ours: rate"].median == found["ours: rate"].worst == 400_000
    assert found["ours ÷ ceiling"].worst == 0.8
    assert bad.wrong() == {"ours": "one alarm missing"}


def test_a_round_with_a_wrong_ceiling_is_void() -> None:
    """Without a right ceiling nobody knows how the machine was."""
    bad = Round(measured={"ceiling": measured(500_000, "some were lost"), "ours": measured(400_000)})
    good = a_round(ceiling=500_000, ours=400_000)
    assert valid_rounds([bad, good]) == [good]


def test_ratios_are_of_one_round() -> None:
    """Each ratio compares two legs of the same round; median and worst are of the ratios, not of the rates."""
    rounds = [a_round(ours=o, ceiling=c) for o, c in ((400, 500), (450, 450), (300, 500))]
    ratio = by_name(figures_of(rounds, ["ours", "ceiling"]))["ours ÷ ceiling"]
    assert (ratio.median, ratio.worst) == (0.8, 0.6)
    assert ratio.reaches(ratio.bar) is True
    assert ratio.reaches(ratio.aim) is False


def test_less_is_better_where_it_is() -> None:
    """CPU per million readings meets its bar from below, and its worst is the greatest."""
    cpu = by_name(figures_of([a_round(ours=400_000), a_round(ours=200_000)], ["ours"]))["ours: CPU"]
    assert cpu.reaches(5.0) is True
    assert cpu.reaches(1.0) is False
    assert cpu.reaches(None) is None


def test_a_lag_that_grows_is_not_flat() -> None:
    """Latencies that climb through a step mean that the flow falls behind; noise does not."""
    assert is_flat([30, 80, 35, 400, 32, 90, 31, 85, 300])
    assert not is_flat([30, 40, 35, 500, 900, 1200, 2000, 2500, 3000])
    assert not is_flat([])


def test_the_backtest_is_compared_by_its_processor() -> None:
    """It is one process and the flow are two, so its ratio is of readings per second of CPU, and half is enough."""
    flow = msgspec.structs.replace(measured(400_000), cpu_s=4.0)
    one = Round(measured={"ours": flow, "backtest": msgspec.structs.replace(measured(100_000), cpu_s=5.0)})
    ratio = by_name(figures_of([one], ["ours", "backtest"]))["backtest ÷ ours, per core"]
    assert ratio.median == 0.8
    assert ratio.reaches(ratio.bar) is True
